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
    struct failure failure;
    if (api_health(api) != HEALTH_STUCK) {
        respond_text(response, "status", "ok");
        return;
    }
    failure_set(&failure, STATUS_UNAVAILABLE,
                "The compute device has work and makes no progress; the service should be started anew.");
    respond_failure(request, &failure, response);
}

void handle_ready(struct api *api, const struct api_request *request, const struct arguments *arguments,
                  struct api_response *response)
{
    (void)arguments;
    struct failure failure = {0};
    enum status status = service_ready(api, &failure);
    if (!status && atomic_load(&api->state) == SERVICE_LEAVING)
        status = failure_set(&failure, STATUS_UNAVAILABLE,
                             "The service is about to stop; send further requests to another one.");
    if (status)
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
