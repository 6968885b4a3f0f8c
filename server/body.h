/* A request's body: read whole, within its limits. */
#ifndef CXRD_SERVER_BODY_H
#define CXRD_SERVER_BODY_H

#include "server/connection.h"

struct body_limits {
    size_t bytes_max;
    uint64_t deadline_ns; /* on clock_now_ns: all of it must have arrived */
    uint32_t timeout_ms;  /* how long that was, for the sentence */
    uint32_t pause_ms;    /* between two bytes */
};

/* Reads the body that `head` announces, of a size or in chunks (RFC 9112, section 7.1, without extensions and
 * trailers, which no client sends and proxies read differently). It lies in the arena, as memory of
 * arena_take that grows with what arrives; where the arena's budget is used up the slowest of those who are
 * still sending is ended. On failure *out is what had arrived. Without a body *out is empty, and no
 * null pointer. Fails with BAD_REQUEST, REQUEST_TIMEOUT, TOO_LARGE, NO_ROOM, OUT_OF_MEMORY; the connection
 * must then be closed. */
WARN_UNUSED enum status body_read(struct connection *connection, const struct head *head,
                                  const struct body_limits *limits, struct arena *arena,
                                  struct failure *failure, struct bytes *out);

#endif
