/* Inside the api: the service's state, and how handlers answer. */
#ifndef CXRD_API_SERVICE_H
#define CXRD_API_SERVICE_H

#include "api/api.h"
#include "api/gate.h"
#include "api/metrics.h"
#include "api/turns.h"
#include "engine/base/json.h"

#include <pthread.h>
#include <stdatomic.h>

enum service_state {
    SERVICE_STARTING,
    SERVICE_READY,
    SERVICE_LEAVING, /* says it is not ready, and works as before */
    SERVICE_DRAINING
};

/* The engines published together. */
struct engine_set {
    struct engine *const *engines;
    size_t count;
};

/* Requests are counted in one of two places, which change with each api_publish: what was published before is
 * free once the old place is empty. A request may so see engines that were published after it began, and both
 * live until it ends. */
struct api {
    _Atomic enum service_state state;
    _Atomic(struct engine_set *) set; /* NULL: nothing is published yet */
    pthread_mutex_t lock;
    pthread_cond_t emptied;
    unsigned place;
    size_t users[2];
    struct metrics *metrics;
    struct gate gate;        /* requests for predictions, until they are predicted */
    size_t max_requests;     /* its limit; 0: what the engines say */
    struct gate heavy_gate;  /* those of them that are heavy, until they are answered: half as many */
    struct turns turns;      /* at drawing */
    bool withholds_pictures; /* as maps; who asks for them is told so */
    struct api_room (*room)(void *context); /* of the connections; NULL: not known */
    void *room_context;
    pthread_mutex_t keys_lock;
    struct keys *keys; /* NULL: everyone may ask */
    struct cors *cors; /* NULL: no page's scripts may read answers */
};

/* Of the connections; zeros where nobody watches them. */
struct api_room service_room(const struct api *api);

/* The table of routes: how many, and their patterns. */
size_t routes_count(void);
const char *routes_pattern(size_t route);
/* True for what answers whoever asks: probes, metrics, descriptions. "" is no route. */
bool routes_open(const char *pattern);

/* Around all that uses engines: they live from service_enter, which returns a ticket, to service_leave. */
unsigned service_enter(struct api *api);
void service_leave(struct api *api, unsigned ticket);
/* The engines that answer now, none while the service starts. Between service_enter and service_leave, as are
 * those below that fail with what engines are. */
struct engine_set service_engines(struct api *api);

/* Into the gate and out of it: who has only an answer left to make may leave early, and once is enough. */
bool service_enter_gate(struct api *api, struct api_response *response);
void service_leave_gate(struct api *api, struct api_response *response);
/* Has a request that came through the gate count as two there, since each of its images is predicted twice.
 * What was let in goes on; fewer are let in after it. */
void service_count_twice(struct api *api, struct api_response *response);
/* Lets a heavy request go on, one whose maps are drawn, with a large image or with over API_LIGHT_IMAGES: at
 * most half of the requests in work may be such ones, so that the others find a place. Fails with BUSY. It
 * ends with the request. */
WARN_UNUSED enum status service_weigh(struct api *api, struct api_response *response, bool draws,
                                      const struct bytes *images, size_t count, struct failure *failure);
/* What a request is told that finds the gate closed. */
enum status service_busy(struct failure *failure);
/* OK when predictions are taken. Fails with UNAVAILABLE, DEVICE_LOST. */
WARN_UNUSED enum status service_ready(struct api *api, struct failure *failure);
/* OK when balancers are to be told that it is ready: UNAVAILABLE from the moment the service is to stop. */
WARN_UNUSED enum status service_announced(struct api *api, struct failure *failure);
/* Fails with UNAVAILABLE when the process should be started anew. */
WARN_UNUSED enum status service_alive(struct api *api, struct failure *failure);
/* The engine of a model by its name; NULL asks for the first. Fails with UNAVAILABLE while the service
 * starts, else with `missing`, listing the models. */
WARN_UNUSED enum status service_engine(struct api *api, struct arena *arena, const char *name,
                                       enum status missing, struct failure *failure, struct engine **out);

/* The engine of a model by its name and version; a NULL version asks for the one there is. Fails with
 * UNAVAILABLE while the service starts, NOT_FOUND. */
WARN_UNUSED enum status service_version(struct api *api, struct arena *arena, const char *name,
                                        const char *version, struct failure *failure, struct engine **out);

/* True when the client may ask, whose key's name is then in the request; else *response is the refusal. */
bool service_authorize(struct api *api, struct api_request *request, struct api_response *response);

/* What every answer gets last: what other origins may do with it, and a shorter form for who takes it. */
void service_complete(struct api *api, const struct api_request *request, struct api_response *response);

/* Adds a header; both texts are static or live in the request's arena. */
void respond_header(struct api_response *response, const char *name, const char *value);
/* Answers with a JSON value and destroys it. */
void respond_json(struct api_response *response, int code, struct json **value);
/* Answers 200 with a JSON value, for answers as large as the client wanted: printed into the request's arena,
 * with room for `behind` more bytes, *rest, after it (rest NULL: none). Fails as arena_take. */
WARN_UNUSED enum status respond_large(const struct api_request *request, struct api_response *response,
                                      const struct json *value, size_t behind, struct failure *failure,
                                      uint8_t **rest);
/* Answers with a problem; under /v2 with {"error": sentence}, as that protocol has it. */
void respond_failure(const struct api_request *request, const struct failure *failure,
                     struct api_response *response);

#endif
