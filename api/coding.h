/* Bodies of requests that come compressed: Content-Encoding (RFC 9110, section 8.4) with gzip (RFC 1952). */
#ifndef CXRD_API_CODING_H
#define CXRD_API_CODING_H

#include "api/api.h"

/* How many times its size a body may unpack to. JSON of images comes to 1.4, a form to 1. */
enum { CODING_RATIO_MAX = 100 };

/* Whether the request's body is coded as it is read: not at all, or with gzip, once. Fails with
 * UNSUPPORTED_MEDIA, saying what is taken. */
WARN_UNUSED enum status coding_check(const struct api_request *request, struct failure *failure);

/* Unpacks a body that is coded: *out is the request with the plain body, which lies in its arena; the coded
 * one, where it is memory of arena_take, is freed. A body that is not coded stays as it is. Fails with
 * TOO_LARGE (over API_BODY_BYTES_MAX, or over CODING_RATIO_MAX times its size), BAD_REQUEST (damaged), BUSY,
 * OUT_OF_MEMORY. */
WARN_UNUSED enum status coding_remove(const struct api_request *request, struct failure *failure,
                                      struct api_request *out);

#endif
