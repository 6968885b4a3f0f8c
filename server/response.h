/* What is written of a response: its head on the wire, and its line in the log. */
#ifndef CXRD_SERVER_RESPONSE_H
#define CXRD_SERVER_RESPONSE_H

#include "api/api.h"
#include "server/address.h"

struct response_cost {
    char address[ADDRESS_BYTES]; /* of the client; "": not logged */
    size_t bytes_in, bytes_out;  /* of bodies */
    double read_ms, write_ms;
};

/* Status line, headers and the empty line after them; the caller releases it with buffer_finish. `reuse`: the
 * connection is kept. */
struct buffer response_head(const struct api_request *request, const struct api_response *response,
                            bool reuse);

/* One line for one request: ids, route, code, bytes and how long each stage took. Never what a client sent in
 * a body, a query or a path. */
void response_log(const struct api_request *request, const struct api_response *response,
                  const struct response_cost *cost);

#endif
