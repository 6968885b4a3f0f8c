/* HTTP: a listener whose requests are bounded, handed to the api, answered and logged. */
#ifndef CXRD_SERVER_HTTP_H
#define CXRD_SERVER_HTTP_H

#include "api/api.h"
#include "server/address.h"

struct http_options {
    const char *listen; /* as in struct listener_options */
    uint32_t threads;   /* connections served at once */
    uint32_t head_timeout_ms, body_timeout_ms;
    uint32_t deadline_ms;                   /* of a prediction, from the arrival of its head; 0: none */
    bool probes_only;                       /* answers /healthz, /readyz and /metrics alone */
    struct budget *budget;                  /* borrowed: of what requests in flight hold */
    const struct address_policy *addresses; /* borrowed */
};

struct http;
/* Listens and serves from now on. `api` is borrowed. Fails with BAD_REQUEST (address), UNAVAILABLE (cannot
 * listen there, or the system gives no threads). The caller owns *out. */
WARN_UNUSED enum status http_start(const struct http_options *options, struct api *api,
                                   struct failure *failure, struct http **out);
/* The port listened on. */
int http_port(const struct http *http);
/* Of its connections. `http` is a struct http. */
struct api_room http_room(void *http);
/* From now on every answer ends its connection. */
void http_drain(struct http *http);
/* Requests being read, answered or sent now. */
size_t http_in_flight(const struct http *http);
/* Ends all connections, cutting off what is in flight. */
void http_stop(struct http **http);

#endif
