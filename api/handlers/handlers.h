/* One function per route: each answers a request in full. */
#ifndef CXRD_API_HANDLERS_HANDLERS_H
#define CXRD_API_HANDLERS_HANDLERS_H

#include "api/service.h"

/* What stood in the path for "{name}", "{version}" and "{file}"; NULL where the pattern has none. */
struct arguments {
    const char *name, *version, *file;
};

typedef void (*api_handler)(struct api *api, const struct api_request *request,
                            const struct arguments *arguments, struct api_response *response);

void handle_predict(struct api *api, const struct api_request *request, const struct arguments *arguments,
                    struct api_response *response);
void handle_embed(struct api *api, const struct api_request *request, const struct arguments *arguments,
                  struct api_response *response);
void handle_models(struct api *api, const struct api_request *request, const struct arguments *arguments,
                   struct api_response *response);
void handle_model(struct api *api, const struct api_request *request, const struct arguments *arguments,
                  struct api_response *response);
void handle_health(struct api *api, const struct api_request *request, const struct arguments *arguments,
                   struct api_response *response);
void handle_ready(struct api *api, const struct api_request *request, const struct arguments *arguments,
                  struct api_response *response);
void handle_metrics(struct api *api, const struct api_request *request, const struct arguments *arguments,
                    struct api_response *response);
void handle_version(struct api *api, const struct api_request *request, const struct arguments *arguments,
                    struct api_response *response);
void handle_page(struct api *api, const struct api_request *request, const struct arguments *arguments,
                 struct api_response *response);
void handle_page_file(struct api *api, const struct api_request *request, const struct arguments *arguments,
                      struct api_response *response);
void handle_openapi_yaml(struct api *api, const struct api_request *request,
                         const struct arguments *arguments, struct api_response *response);
void handle_openapi_json(struct api *api, const struct api_request *request,
                         const struct arguments *arguments, struct api_response *response);

void handle_v2(struct api *api, const struct api_request *request, const struct arguments *arguments,
               struct api_response *response);
void handle_v2_live(struct api *api, const struct api_request *request, const struct arguments *arguments,
                    struct api_response *response);
void handle_v2_ready(struct api *api, const struct api_request *request, const struct arguments *arguments,
                     struct api_response *response);
void handle_v2_model(struct api *api, const struct api_request *request, const struct arguments *arguments,
                     struct api_response *response);
void handle_v2_model_ready(struct api *api, const struct api_request *request,
                           const struct arguments *arguments, struct api_response *response);
void handle_v2_infer(struct api *api, const struct api_request *request, const struct arguments *arguments,
                     struct api_response *response);

#endif
