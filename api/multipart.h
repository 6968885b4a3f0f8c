/* multipart/form-data (RFC 7578, RFC 2046) over a body that is already in memory, part after part. */
#ifndef CXRD_API_MULTIPART_H
#define CXRD_API_MULTIPART_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

enum {
    MULTIPART_PARTS_MAX = 128,
    MULTIPART_HEADER_BYTES_MAX = 4096, /* of one part */
    MULTIPART_NAME_BYTES_MAX = 256,
    MULTIPART_BOUNDARY_BYTES_MAX = 70 /* RFC 2046, 5.1.1 */
};

struct multipart {
    struct bytes body;
    char delimiter[4 + MULTIPART_BOUNDARY_BYTES_MAX + 1]; /* CR LF "--" boundary */
    size_t at;                                            /* just after the last delimiter read */
    size_t parts;
};

struct multipart_part {
    const char *name;     /* plain text, escaped where it was not */
    const char *filename; /* as it was sent, perhaps no UTF-8; NULL when there is none */
    struct bytes content; /* inside the body */
};

/* Reads the boundary from a Content-Type value and finds the first delimiter. The body is borrowed. Fails
 * with BAD_REQUEST. */
WARN_UNUSED enum status multipart_start(const char *content_type, struct bytes body, struct failure *failure,
                                        struct multipart *out);

/* Reads the next part; *more is false when the closing delimiter came instead. Names are copied into the
 * arena. Fails with BAD_REQUEST, TOO_LARGE (over MULTIPART_PARTS_MAX parts). */
WARN_UNUSED enum status multipart_next(struct multipart *multipart, struct arena *arena,
                                       struct failure *failure, struct multipart_part *out, bool *more);

#endif
