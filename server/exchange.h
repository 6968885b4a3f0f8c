/* One request and its answer on a connection. */
#ifndef CXRD_SERVER_EXCHANGE_H
#define CXRD_SERVER_EXCHANGE_H

#include "api/api.h"
#include "server/watchdog.h"

struct mg_connection;

struct exchange_context {
    struct api *api;
    struct watchdog *watchdog;
    uint32_t body_timeout_ms;
    uint32_t deadline_ms; /* of a prediction, from the arrival of its head; 0: none */
    bool probes_only;     /* answers /healthz, /readyz and /metrics alone */
    bool closing;         /* the answer ends the connection */
};

/* Reads, answers and logs the request whose head the library has read. True when the connection may be used
 * again; else it is already made to close. */
bool exchange_run(const struct exchange_context *context, struct mg_connection *connection);

/* Answers a request whose head the library itself refused with an HTTP code. The library closes afterwards.
 */
void exchange_refuse(const struct exchange_context *context, struct mg_connection *connection, int code);

#endif
