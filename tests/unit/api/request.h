/* Requests for the tests of the api: an api over the fake engine, a request with its arena, and its answer.
 */
#ifndef CXRD_TESTS_UNIT_API_REQUEST_H
#define CXRD_TESTS_UNIT_API_REQUEST_H

#include "api/api.h"

#include "engine/base/json.h"
#include <string.h>

struct service {
    struct api *api;
    struct engine *engines[2]; /* named "demo" and "other" */
};

/* A service that is ready, whose engines behave so (fake_engine.h). */
void service_begin(struct service *service, const char *behaviour);
void service_end(struct service *service);

enum { CALL_HEADERS_MAX = 8 };

/* Of the requests that follow; for ever, where a test sets nothing. */
extern struct patience call_patience;
/* What the requests from now on are charged to; NULL: nothing. */
extern struct budget *call_budget;

struct call {
    struct api_header headers[CALL_HEADERS_MAX];
    struct api_request request;
    struct api_response response;
    struct json *json; /* of the response's body; NULL when it is not JSON */
};

/* Admits and handles a request. `target` is path and query; content_type may be NULL. */
void call_run(struct call *call, struct api *api, const char *method, const char *target,
              const char *content_type, struct bytes body);
/* The same with headers of one's own, at most CALL_HEADERS_MAX. */
void call_run_headers(struct call *call, struct api *api, const char *method, const char *target,
                      const struct api_header *headers, size_t count, struct bytes body);
/* The same of a request that is refused with this code, as a problem whose sentence has these words. */
void call_refused(struct call *call, struct api *api, const char *target, const char *content_type,
                  struct bytes body, int code, const char *words);
void call_end(struct call *call);

/* A header of the answer; NULL when it has none. */
const char *call_header(const struct call *call, const char *name);

/* A problem's sentence; "" when the answer is none. */
const char *call_detail(const struct call *call);

/* Item `number` of an array, which has it. */
const struct json *json_item(const struct json *array, size_t number);
/* The names of an object's members, with commas; valid until the next call. */
const char *json_names(const struct json *object);

/* A grey PNG of width x height with a gradient. The caller frees it with free((void *)data). */
struct bytes picture(uint32_t width, uint32_t height);

#define TEXT(text) ((struct bytes){(const uint8_t *)(text), strlen(text)})

#endif
