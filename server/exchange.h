/* One request and its answer on a connection. */
#ifndef CXRD_SERVER_EXCHANGE_H
#define CXRD_SERVER_EXCHANGE_H

#include "api/api.h"
#include "server/address.h"
#include "server/connection.h"

struct exchange_context {
    struct api *api;
    struct budget *budget; /* of what requests in flight hold */
    const struct address_policy *addresses;
    uint32_t head_timeout_ms, body_timeout_ms;
    uint32_t deadline_ms;      /* of a prediction, from the arrival of its head; 0: none */
    bool probes_only;          /* answers /healthz, /readyz and /metrics alone */
    _Atomic bool *closing;     /* answers end their connections */
    _Atomic size_t *in_flight; /* requests whose head has arrived and whose answer has not left */
};

/* Waits for a request, reads, answers and logs it. `first`: none came before it. True when the connection may
 * be used again. */
bool exchange_run(const struct exchange_context *context, struct connection *connection, bool first);

#endif
