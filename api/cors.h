/* Which web pages' scripts may read answers: cross-origin resource sharing, as the Fetch standard has it
 * (https://fetch.spec.whatwg.org/#http-cors-protocol). Off unless origins are listed.
 */
#ifndef CXRD_API_CORS_H
#define CXRD_API_CORS_H

#include "api/api.h"

enum { CORS_ORIGINS_MAX = 64, CORS_ORIGIN_BYTES_MAX = 300 /* a host has 255 */ };

struct cors;
/* Reads "*", or origins (scheme://host[:port]) with commas between them, which are compared exactly. Fails
 * with BAD_REQUEST, naming what is none. The caller owns *out. */
WARN_UNUSED enum status cors_read(const char *origins, struct failure *failure, struct cors **out);
void cors_destroy(struct cors **cors);

/* Adds to an answer what a browser needs to hand it to its page, and to that of an OPTIONS request what a
 * preflight asks. Without `cors` (NULL) and for other origins it adds nothing that opens the answer. */
void cors_apply(const struct cors *cors, const struct api_request *request, struct api_response *response);

#endif
