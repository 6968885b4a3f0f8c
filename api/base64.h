/* Base64 (RFC 4648, section 4): strict in, plain out. */
#ifndef CXRD_API_BASE64_H
#define CXRD_API_BASE64_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* Decodes padded base64 without line breaks into the arena; an empty text gives no bytes. Spare bits must be
 * zero. Fails with BAD_REQUEST, naming the first wrong byte. */
WARN_UNUSED enum status base64_decode(struct arena *arena, const char *text, size_t length,
                                      struct failure *failure, struct bytes *out);

/* Encodes with padding; the text ends in NUL. The caller frees it with free(). */
char *base64_encode(struct bytes bytes);

#endif
