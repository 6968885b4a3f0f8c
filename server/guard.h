/* What must hold of a request's head before anything is done with it, whatever the HTTP library let pass. A
 * request that is read differently by a proxy and by this service smuggles a second one past the proxy. */
#ifndef CXRD_SERVER_GUARD_H
#define CXRD_SERVER_GUARD_H

#include "api/api.h"

enum {
    GUARD_HEADERS_MAX = 63, /* the library silently drops those past the 64th */
    GUARD_HEADER_BYTES_MAX = 16384
};

/* Checks version, target, headers and length. On success *content_length is the body's size (0 without one).
 * Fails with BAD_REQUEST, LENGTH_REQUIRED, TOO_LARGE (body over API_BODY_BYTES_MAX), HEADERS_TOO_LARGE; the
 * connection must then be closed. */
WARN_UNUSED enum status guard_check(const struct api_request *request, const char *http_version,
                                    struct failure *failure, size_t *content_length);

#endif
