/* The REST contract, free of sockets: a request in, a response out.
 *
 * The server fills a struct api_request, asks api_admit before it reads the body, then api_handle. Everything
 * a response points at lives in the request's arena. All functions may be called from any number of threads.
 */
#ifndef CXRD_API_API_H
#define CXRD_API_API_H

#include "api/keys.h"
#include "api/trace.h"
#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/engine.h"

#define API_BODY_BYTES_MAX IMAGE_FILE_BYTES_MAX /* the largest image may come alone */
enum {
    API_IMAGES_MAX = 64,
    API_LIGHT_IMAGES = 4,        /* see service_weigh */
    API_JSON_VALUES_MAX = 4096,  /* of a JSON body */
    API_TARGET_BYTES_MAX = 4096, /* path and query */
    API_REQUEST_ID_BYTES_MAX = 128,
    API_RETRY_AFTER_S = 2,
    API_RESPONSE_HEADERS_MAX = 12
};
/* What the pictures of one response may add up to: in pixels, 47 of 1024 x 1024, and before base64. */
#define API_PICTURE_PIXELS_MAX ((size_t)50000000)
#define API_PICTURE_BYTES_MAX  ((size_t)64 << 20)

struct api_header {
    const char *name, *value;
};

struct api_request {
    const char *method;
    const char *path;  /* as sent: still percent-encoded, without the query */
    const char *query; /* as sent, without the '?'; NULL when there is none */
    const struct api_header *headers;
    size_t header_count;
    struct bytes body;
    char id[API_REQUEST_ID_BYTES_MAX + 1]; /* from api_request_identify */
    struct trace trace;                    /* from api_request_identify */
    char key_name[KEY_NAME_BYTES_MAX + 1]; /* of the API key, from api_admit; "" where none is asked for */
    uint64_t received_ns;                  /* on clock_now_ns */
    uint64_t deadline_ns;                  /* on clock_now_ns, for predictions; 0: none */
    bool (*gone)(void *client);            /* the client has closed its connection; NULL: not known */
    void *client;
    struct arena *arena;
};

struct api_response {
    int code;
    const char *content_type; /* NULL: no body */
    struct bytes body;        /* valid until api_response_finish, and while the request's arena lives */
    char *owned;              /* freed by api_response_finish */
    const char *allow;        /* the Allow header, or NULL */
    int retry_after_s;        /* the Retry-After header; 0: none */
    struct api_header headers[API_RESPONSE_HEADERS_MAX]; /* further ones; static or in the arena */
    size_t header_count;
    bool varies_by_origin, varies_by_encoding;
    unsigned inside; /* places taken at the gate; the api's own, as is the next */
    bool heavy;      /* inside the gate for heavy requests */
    /* For the log: */
    const char *route; /* the pattern that matched, e.g. "/models/{name}"; "" when none did */
    enum status status;
    size_t images, images_failed; /* of a request with images: how many, and of them those without an answer
                                     of their own */
    struct prediction_timing timing;
};

struct api;
struct api *api_create(void);
/* Requests must have ended. Does not destroy the engines. */
void api_destroy(struct api **api);

/* Makes the service ready: `engines` (borrowed, as is the array, until the next call has returned or
 * api_destroy) answer from now on; the first is the one used when a request names no model. Returns when no
 * request uses those published before any more. Called by one thread at a time. */
void api_publish(struct api *api, struct engine *const *engines, size_t count);
/* The worst of the engines' healths. */
enum health api_health(struct api *api);
/* From now on the service says that it is not ready, so that balancers look elsewhere, and still works. */
void api_leave(struct api *api);
/* From now on the service is not ready and takes no new predictions; those in flight go on. */
void api_drain(struct api *api);

/* Lets so many requests for predictions in at once, and a burst (api/gate.h); 0: as many as keep all devices
 * busy. To be called before api_publish, if at all. */
void api_limit_requests(struct api *api, size_t max_requests);

/* From now on neither attention maps nor pictures of images leave: answers have none where none was asked
 * for, and who asks gets SWITCHED_OFF. To be called before the first request, if at all. */
void api_withhold_pictures(struct api *api);

/* Connections of clients, how many there may be, and whether for longer than a moment no further client could
 * be served. */
struct api_room {
    size_t connections, most;
    bool full;
};
/* From now on /metrics shows what room(context) is, and the service says that it is not ready while that is
 * full: no client could reach it. To be called before api_publish, if at all. */
void api_watch_room(struct api *api, struct api_room (*room)(void *context), void *context);
/* Counts that models or keys were to be loaded again and were not. Thread-safe. */
void api_count_failed_reload(struct api *api);
/* Shows in /metrics what is taken of `budget` (borrowed). To be called before the first request, if at all.
 */
void api_watch_budget(struct api *api, const struct budget *budget);

/* From now on only the bearers of the keys in this file (api/keys.h) are served; probes, metrics and
 * descriptions stay open. May be called again at any time; when it fails the keys stay as they were. Fails
 * with NOT_FOUND, TOO_LARGE, INVALID_FILE, BAD_REQUEST; sentences name the path. Thread-safe. */
WARN_UNUSED enum status api_load_keys(struct api *api, const char *path, struct failure *failure);

/* Lets scripts of pages of these origins (api/cors.h) read answers. To be called once, before the first
 * request. Fails with BAD_REQUEST. */
WARN_UNUSED enum status api_allow_origins(struct api *api, const char *origins, struct failure *failure);

/* The value of a header by its name, ASCII letters of any case; NULL when absent. */
const char *api_request_header(const struct api_request *request, const char *name);
/* Sets request->id to X-Request-Id when that is 1 to API_REQUEST_ID_BYTES_MAX letters, digits, '.', '_', '~'
 * or '-', else to a new random one. Sets request->trace after traceparent, which counts when it is sent once.
 */
void api_request_identify(struct api_request *request);

/* True when the body is worth reading: the route exists, takes the method and the media type, the client may
 * ask, and the service is ready. Else *response is the refusal. Sets request->key_name. */
bool api_admit(struct api *api, struct api_request *request, struct api_response *response);
/* Answers a request whose body has been read. */
void api_handle(struct api *api, const struct api_request *request, struct api_response *response);
/* The answer for a request that was refused before it could be handled. *response is zero, or as api_admit
 * left it: the route stays known. */
void api_refuse(struct api *api, const struct api_request *request, const struct failure *failure,
                struct api_response *response);
/* Counts an answer that has been sent, or could not be. */
void api_record(struct api *api, const struct api_request *request, const struct api_response *response);
void api_response_finish(struct api_response *response);

#endif
