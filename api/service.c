#include "api/service.h"

#include "api/problem.h"
#include "api/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct api *api_create(void)
{
    return memory_allocate(1, sizeof(struct api));
}

void api_destroy(struct api **api)
{
    if (!api || !*api)
        return;
    free(*api);
    *api = NULL;
}

void api_publish(struct api *api, struct engine *const *engines, size_t count)
{
    assert(count > 0 && atomic_load(&api->engine_count) == 0);
    api->engines = engines;
    atomic_store(&api->engine_count, count);
    enum service_state starting = SERVICE_STARTING;
    atomic_compare_exchange_strong(&api->state, &starting, SERVICE_READY); /* draining stays draining */
}

enum health api_health(const struct api *api)
{
    enum health worst = HEALTH_WELL;
    for (size_t i = 0; i < atomic_load(&api->engine_count); i++) {
        enum health health = engine_health(api->engines[i]);
        worst = health > worst ? health : worst;
    }
    return worst;
}

void api_leave(struct api *api)
{
    enum service_state ready = SERVICE_READY;
    atomic_compare_exchange_strong(&api->state, &ready, SERVICE_LEAVING);
}

void api_drain(struct api *api)
{
    atomic_store(&api->state, SERVICE_DRAINING);
}

enum status service_ready(struct api *api, struct failure *failure)
{
    switch (atomic_load(&api->state)) {
    case SERVICE_STARTING:
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "The model is still being loaded; try again in a few seconds.");
    case SERVICE_DRAINING:
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "The service is shutting down; send the request to another one.");
    case SERVICE_READY:
    case SERVICE_LEAVING:
        break;
    }
    for (size_t i = 0; i < atomic_load(&api->engine_count); i++)
        if (engine_health(api->engines[i]) != HEALTH_WELL)
            return failure_set(
                failure, STATUS_DEVICE_LOST,
                "The compute device was lost and is being made ready again; send the request to "
                "another service, or again in a few seconds.");
    return STATUS_OK;
}

enum status service_engine(struct api *api, struct arena *arena, const char *name, enum status missing,
                           struct failure *failure, struct engine **out)
{
    size_t count = atomic_load(&api->engine_count);
    if (!count)
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "The model is still being loaded; try again in a few seconds.");
    const char **names = arena_allocate(arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = engine_card(api->engines[i])->name;
        if (!name || !strcmp(names[i], name)) {
            *out = api->engines[i];
            return STATUS_OK;
        }
    }
    return failure_set(failure, missing, "Unknown model '%s'; there are: %s.", text_quote(arena, name, 60),
                       text_join(arena, names, count, 150));
}

void respond_json(struct api_response *response, int code, struct json **value)
{
    assert(!response->owned);
    response->owned = json_print(*value, false);
    json_destroy(value);
    response->code = code;
    response->content_type = "application/json";
    response->body = (struct bytes){(const uint8_t *)response->owned, strlen(response->owned)};
}

void respond_failure(const struct api_request *request, const struct failure *failure,
                     struct api_response *response)
{
    struct json *problem = problem_json(failure, request->id);
    respond_json(response, problem_code(failure->status), &problem);
    response->content_type = "application/problem+json";
    response->status = failure->status;
    if (response->code == 503)
        response->retry_after_s = API_RETRY_AFTER_S;
}

void api_response_finish(struct api_response *response)
{
    free(response->owned);
    response->owned = NULL;
    response->body = (struct bytes){0};
}
