/* Answers compressed with gzip (RFC 1952) for the clients that take it (RFC 9110, section 12.5.3). */
#ifndef CXRD_API_COMPRESS_H
#define CXRD_API_COMPRESS_H

#include "api/api.h"

enum {
    COMPRESS_BYTES_MIN = 1024,    /* a shorter body fits a packet as it is */
    COMPRESS_BYTES_MAX = 8 << 20, /* longer ones are pictures, compressed already */
};

/* True when an Accept-Encoding value (NULL: none) takes gzip: by name, as x-gzip or by "*", and not with q=0.
 */
bool compress_is_accepted(const char *accept_encoding);

/* Compresses the body of an answer of text whose size lies between the bounds, when the request takes that.
 */
void compress_apply(const struct api_request *request, struct api_response *response);

#endif
