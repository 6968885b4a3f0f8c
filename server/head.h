/* A request's head (RFC 9112, sections 2 to 6), read strictly: what a proxy could read differently is
 * refused. A request that two programs see as two smuggles one past the first of them. */
#ifndef CXRD_SERVER_HEAD_H
#define CXRD_SERVER_HEAD_H

#include "api/api.h"

enum {
    HEAD_FIELDS_MAX = 63,
    HEAD_FIELD_BYTES_MAX = 16384, /* of all fields */
    HEAD_METHOD_BYTES_MAX = 16,
    HEAD_BYTES_MAX = API_TARGET_BYTES_MAX + HEAD_FIELD_BYTES_MAX + 1024
};

enum head_progress { HEAD_INCOMPLETE, HEAD_COMPLETE, HEAD_MALFORMED };
/* Looks for the head's end in what has arrived, from *at on, which is 0 at first and is moved on. COMPLETE:
 * *at is the head's size, its empty line included. MALFORMED: it cannot become a head any more, since it
 * begins with no method or a line ends in a lone LF. */
enum head_progress head_scan(struct bytes received, size_t *at);

enum body_framing { BODY_NONE, BODY_SIZED, BODY_CHUNKED };
struct head {
    const char *method, *path, *query; /* as in struct api_request; "" and NULL until they are known */
    struct api_header fields[HEAD_FIELDS_MAX];
    size_t field_count;
    enum body_framing framing;
    size_t body_bytes;     /* of BODY_SIZED, 1 to API_BODY_BYTES_MAX */
    bool keeps_connection; /* the client would send another request on this connection */
    bool expects_continue; /* the client waits for "100 Continue" before it sends the body */
};

/* Parses `size` bytes that head_scan found COMPLETE, with a zero behind them. They are changed: the texts of
 * *out lie in them, ended by zeros. Fails with BAD_REQUEST, LENGTH_REQUIRED, TOO_LARGE (a body over
 * API_BODY_BYTES_MAX), HEADERS_TOO_LARGE; the connection must then be closed, and *out holds what was read
 * before. */
WARN_UNUSED enum status head_parse(char *text, size_t size, struct failure *failure, struct head *out);

#endif
