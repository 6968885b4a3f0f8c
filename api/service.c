#include "api/service.h"

#include "api/compress.h"
#include "api/cors.h"
#include "api/problem.h"
#include "api/text.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/parallel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_SAID_MS = 1000 };

/* Half the cores: the others stay with those who decode and predict. */
static size_t drawings_at_once(void)
{
    return core_count() > 1 ? core_count() / 2 : 1;
}

struct api *api_create(void)
{
    struct api *api = memory_allocate(1, sizeof *api);
    api->metrics = metrics_create(routes_count(), routes_pattern);
    gate_init(&api->gate, 0, GATE_BURST_MS);
    gate_init(&api->heavy_gate, 0, 0);
    turns_init(&api->turns, drawings_at_once());
    pthread_mutex_init(&api->keys_lock, NULL);
    pthread_mutex_init(&api->lock, NULL);
    clock_condition_init(&api->emptied);
    return api;
}

void api_destroy(struct api **api)
{
    if (!api || !*api)
        return;
    metrics_destroy(&(*api)->metrics);
    gate_finish(&(*api)->gate);
    gate_finish(&(*api)->heavy_gate);
    turns_finish(&(*api)->turns);
    keys_destroy(&(*api)->keys);
    cors_destroy(&(*api)->cors);
    pthread_mutex_destroy(&(*api)->keys_lock);
    pthread_cond_destroy(&(*api)->emptied);
    pthread_mutex_destroy(&(*api)->lock);
    free(atomic_load(&(*api)->set));
    free(*api);
    *api = NULL;
}

/* As much work as keeps them all busy. */
static size_t request_capacity(struct engine *const *engines, size_t count)
{
    size_t capacity = 0;
    for (size_t i = 0; i < count; i++) {
        struct engine_statistics statistics;
        engine_statistics(engines[i], &statistics);
        capacity += statistics.request_capacity;
    }
    return capacity;
}

void api_limit_requests(struct api *api, size_t max_requests)
{
    api->max_requests = max_requests;
}

void api_withhold_pictures(struct api *api)
{
    api->withholds_pictures = true;
}

void api_watch_room(struct api *api, struct api_room (*room)(void *context), void *context)
{
    api->room = room;
    api->room_context = context;
}

struct api_room service_room(const struct api *api)
{
    return api->room ? api->room(api->room_context) : (struct api_room){0};
}

void api_count_failed_reload(struct api *api)
{
    metrics_count_failed_reload(api->metrics);
}

void api_watch_budget(struct api *api, const struct budget *budget)
{
    metrics_watch_budget(api->metrics, budget);
}

/* Waits, with the lock held, until nobody uses the engines of that place any more, and says where that takes
 * long: until then no further models can take their places. */
static void wait_for_users(struct api *api, unsigned place)
{
    uint64_t until_ns = clock_now_ns() + WAIT_SAID_MS * UINT64_C(1000000);
    while (api->users[place]) {
        if (clock_now_ns() >= until_ns && until_ns != UINT64_MAX) {
            log_message(LOG_INFO,
                        "%zu requests still use the models from before, which stay loaded until they end",
                        api->users[place]);
            until_ns = UINT64_MAX;
        }
        clock_wait(&api->emptied, &api->lock, until_ns);
    }
}

void api_publish(struct api *api, struct engine *const *engines, size_t count)
{
    assert(count > 0);
    struct engine_set *set = memory_allocate(1, sizeof *set);
    *set = (struct engine_set){engines, count};
    size_t limit = api->max_requests ? api->max_requests : request_capacity(engines, count);
    gate_set_limit(&api->gate, limit);
    gate_set_limit(&api->heavy_gate, limit / 2);
    pthread_mutex_lock(&api->lock);
    struct engine_set *old = atomic_exchange(&api->set, set);
    unsigned left = api->place;
    api->place = !left;
    wait_for_users(api, left);
    pthread_mutex_unlock(&api->lock);
    free(old);
    enum service_state starting = SERVICE_STARTING;
    atomic_compare_exchange_strong(&api->state, &starting, SERVICE_READY); /* draining stays draining */
}

static enum health worst_health(struct api *api)
{
    struct engine_set set = service_engines(api);
    enum health worst = HEALTH_WELL;
    for (size_t i = 0; i < set.count; i++) {
        enum health health = engine_health(set.engines[i]);
        worst = health > worst ? health : worst;
    }
    return worst;
}

enum health api_health(struct api *api)
{
    unsigned ticket = service_enter(api);
    enum health health = worst_health(api);
    service_leave(api, ticket);
    return health;
}

unsigned service_enter(struct api *api)
{
    pthread_mutex_lock(&api->lock);
    unsigned ticket = api->place;
    api->users[ticket]++;
    pthread_mutex_unlock(&api->lock);
    return ticket;
}

void service_leave(struct api *api, unsigned ticket)
{
    pthread_mutex_lock(&api->lock);
    assert(api->users[ticket] > 0);
    if (!--api->users[ticket])
        pthread_cond_signal(&api->emptied);
    pthread_mutex_unlock(&api->lock);
}

struct engine_set service_engines(struct api *api)
{
    const struct engine_set *set = atomic_load(&api->set);
    return set ? *set : (struct engine_set){0};
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

enum status api_allow_origins(struct api *api, const char *origins, struct failure *failure)
{
    assert(!api->cors);
    return cors_read(origins, failure, &api->cors);
}

bool service_enter_gate(struct api *api, struct api_response *response)
{
    if (!gate_enter(&api->gate))
        return false;
    response->inside = 1;
    metrics_enter(api->metrics);
    return true;
}

void service_count_twice(struct api *api, struct api_response *response)
{
    assert(response->inside == 1);
    response->inside++;
    metrics_enter(api->metrics);
    gate_add(&api->gate);
}

void service_leave_gate(struct api *api, struct api_response *response)
{
    for (; response->inside; response->inside--) {
        metrics_leave(api->metrics);
        gate_leave(&api->gate);
    }
}

enum status service_weigh(struct api *api, struct api_response *response, bool draws,
                          const struct bytes *images, size_t count, struct failure *failure)
{
    uint64_t work = 0;
    for (size_t i = 0; i < count; i++)
        work += image_work(images[i]);
    bool heavy = draws || work > IMAGE_LARGE_WORK || count > API_LIGHT_IMAGES;
    assert(!response->heavy);
    response->heavy = heavy && gate_enter(&api->heavy_gate);
    return heavy == response->heavy ? STATUS_OK : service_busy(failure);
}

enum status service_busy(struct failure *failure)
{
    return failure_set(failure, STATUS_BUSY,
                       "The service has as much work as it can do soon; try again in a moment, or send the "
                       "request to another one.");
}

static enum status still_loading(struct failure *failure)
{
    return failure_set(failure, STATUS_UNAVAILABLE,
                       "The model is still being loaded; try again in a few seconds.");
}

enum status service_ready(struct api *api, struct failure *failure)
{
    switch (atomic_load(&api->state)) {
    case SERVICE_STARTING:
        return still_loading(failure);
    case SERVICE_DRAINING:
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "The service is shutting down; send the request to another one.");
    case SERVICE_READY:
    case SERVICE_LEAVING:
        break;
    }
    enum health health = worst_health(api);
    if (health == HEALTH_STUCK)
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "The compute device makes no progress; send the request to another service.");
    if (health != HEALTH_WELL)
        return failure_set(failure, STATUS_DEVICE_LOST,
                           "The compute device was lost and is being made ready again; send the request to "
                           "another service, or again in a few seconds.");
    return STATUS_OK;
}

enum status service_engine(struct api *api, struct arena *arena, const char *name, enum status missing,
                           struct failure *failure, struct engine **out)
{
    struct engine_set set = service_engines(api);
    if (!set.count)
        return still_loading(failure);
    const char **names = arena_allocate(arena, set.count, sizeof *names);
    for (size_t i = 0; i < set.count; i++) {
        names[i] = engine_card(set.engines[i])->name;
        if (!name || !strcmp(names[i], name)) {
            *out = set.engines[i];
            return STATUS_OK;
        }
    }
    return failure_set(failure, missing, "Unknown model '%s'; there are: %s.", text_quote(arena, name, 60),
                       text_join(arena, names, set.count, 150));
}

enum status service_announced(struct api *api, struct failure *failure)
{
    enum status status = service_ready(api, failure);
    if (!status && atomic_load(&api->state) == SERVICE_LEAVING)
        status = failure_set(failure, STATUS_UNAVAILABLE,
                             "The service is about to stop; send further requests to another one.");
    if (!status && service_room(api).full)
        status =
            failure_set(failure, STATUS_UNAVAILABLE,
                        "All connections are taken by requests that are being worked on; send further ones "
                        "to another service.");
    return status;
}

enum status service_alive(struct api *api, struct failure *failure)
{
    if (api_health(api) != HEALTH_STUCK)
        return STATUS_OK;
    return failure_set(
        failure, STATUS_UNAVAILABLE,
        "The compute device has work and makes no progress; the service should be started anew.");
}

enum status service_version(struct api *api, struct arena *arena, const char *name, const char *version,
                            struct failure *failure, struct engine **out)
{
    struct engine *engine = NULL;
    enum status status = service_engine(api, arena, name, STATUS_NOT_FOUND, failure, &engine);
    if (status)
        return status;
    const char *only = engine_card(engine)->version;
    if (version && strcmp(version, only))
        return failure_set(failure, STATUS_NOT_FOUND, "Model '%s' has the version '%s', not '%s'.",
                           text_quote(arena, name, 60), text_quote(arena, only, 60),
                           text_quote(arena, version, 60));
    *out = engine;
    return STATUS_OK;
}

void service_complete(struct api *api, const struct api_request *request, struct api_response *response)
{
    cors_apply(api->cors, request, response);
    compress_apply(request, response);
    static const char *const vary[2][2] = {{NULL, "Accept-Encoding"}, {"Origin", "Origin, Accept-Encoding"}};
    const char *value = vary[response->varies_by_origin][response->varies_by_encoding];
    if (value)
        respond_header(response, "Vary", value);
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

enum status respond_large(const struct api_request *request, struct api_response *response,
                          const struct json *value, size_t behind, struct failure *failure, uint8_t **rest)
{
    size_t size = json_print_size(value);
    void *body = NULL;
    enum status status = arena_take(request->arena, size + behind, failure, &body);
    if (status)
        return status;
    json_print_into(value, body);
    response->code = 200;
    response->content_type = "application/json";
    response->body = (struct bytes){body, size + behind};
    if (rest)
        *rest = (uint8_t *)body + size;
    return STATUS_OK;
}

static bool is_inference(const char *path)
{
    return !strncmp(path, "/v2", 3) && (!path[3] || path[3] == '/');
}

void respond_failure(const struct api_request *request, const struct failure *failure,
                     struct api_response *response)
{
    struct failure told = *failure;
    problem_hide(&told, request->id);
    struct json *problem = problem_json(&told, request->id);
    /* A path may be percent-encoded, and be of no route. */
    bool inference = is_inference(request->path) || (response->route && is_inference(response->route));
    if (inference) {
        struct json *error = json_object();
        json_add_text(error, "error", json_text(json_member(problem, "detail")));
        json_destroy(&problem);
        problem = error;
    }
    respond_json(response, problem_code(failure->status), &problem);
    if (!inference)
        response->content_type = "application/problem+json";
    response->status = failure->status;
    if (response->code == 503)
        response->retry_after_s = API_RETRY_AFTER_S;
}
