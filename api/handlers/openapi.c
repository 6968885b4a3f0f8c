#include "api/openapi/openapi.h"
#include "api/handlers/handlers.h"

static void respond_document(struct api_response *response, const char *content_type, struct bytes document)
{
    response->code = 200;
    response->content_type = content_type;
    response->body = document;
}

void handle_openapi_yaml(struct api *api, const struct api_request *request,
                         const struct arguments *arguments, struct api_response *response)
{
    (void)api, (void)request, (void)arguments;
    respond_document(response, "application/yaml", openapi_yaml());
}

void handle_openapi_json(struct api *api, const struct api_request *request,
                         const struct arguments *arguments, struct api_response *response)
{
    (void)api, (void)request, (void)arguments;
    respond_document(response, "application/json", openapi_json());
}
