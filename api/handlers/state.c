#include "api/handlers/handlers.h"

static void respond_text(struct api_response *response, const char *name, const char *text)
{
    struct json *root = json_object();
    json_add_text(root, name, text);
    respond_json(response, 200, &root);
}

/* Liveness: that this answers, and that devices with work make progress; how much waits is not its matter. */
void handle_health(struct api *api, const struct api_request *request, const struct arguments *arguments,
                   struct api_response *response)
{
    (void)arguments;
    struct failure failure = {0};
    if (service_alive(api, &failure))
        respond_failure(request, &failure, response);
    else
        respond_text(response, "status", "ok");
}

void handle_ready(struct api *api, const struct api_request *request, const struct arguments *arguments,
                  struct api_response *response)
{
    (void)arguments;
    struct failure failure = {0};
    if (service_announced(api, &failure))
        respond_failure(request, &failure, response);
    else
        respond_text(response, "status", "ready");
}

void handle_version(struct api *api, const struct api_request *request, const struct arguments *arguments,
                    struct api_response *response)
{
    (void)api, (void)request, (void)arguments;
    struct json *root = json_object();
    json_add_text(root, "name", "cxrd");
    json_add_text(root, "version", CXRD_VERSION);
    respond_json(response, 200, &root);
}
