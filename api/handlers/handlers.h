/* One function per route: each answers a request in full. `argument` is what stood for "{name}" in the path.
 */
#ifndef CXRD_API_HANDLERS_HANDLERS_H
#define CXRD_API_HANDLERS_HANDLERS_H

#include "api/service.h"

typedef void (*api_handler)(struct api *api, const struct api_request *request, const char *argument,
                            struct api_response *response);

void handle_predict(struct api *api, const struct api_request *request, const char *argument,
                    struct api_response *response);
void handle_models(struct api *api, const struct api_request *request, const char *argument,
                   struct api_response *response);
void handle_model(struct api *api, const struct api_request *request, const char *argument,
                  struct api_response *response);
void handle_health(struct api *api, const struct api_request *request, const char *argument,
                   struct api_response *response);
void handle_ready(struct api *api, const struct api_request *request, const char *argument,
                  struct api_response *response);
void handle_metrics(struct api *api, const struct api_request *request, const char *argument,
                    struct api_response *response);
void handle_version(struct api *api, const struct api_request *request, const char *argument,
                    struct api_response *response);
void handle_openapi_yaml(struct api *api, const struct api_request *request, const char *argument,
                         struct api_response *response);
void handle_openapi_json(struct api *api, const struct api_request *request, const char *argument,
                         struct api_response *response);

#endif
