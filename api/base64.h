/* Base64 (RFC 4648): of both alphabets and wrapped in, padded of section 4 out. */
#ifndef CXRD_API_BASE64_H
#define CXRD_API_BASE64_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* Decodes base64 in its own place: *out, which is shorter, lies at the start of `text`. Digits may be those
 * of the URL alphabet, white space may stand anywhere, "data:TYPE;base64," before and the padding be left
 * out; an empty text gives no bytes. Anything else, spare bits that are not zero too, fails with BAD_REQUEST,
 * naming the first wrong byte. */
WARN_UNUSED enum status base64_decode_inside(char *text, size_t length, struct failure *failure,
                                             struct bytes *out);
/* The same of a copy in the arena. Fails as arena_take too. */
WARN_UNUSED enum status base64_decode(struct arena *arena, const char *text, size_t length,
                                      struct failure *failure, struct bytes *out);

/* Encodes with padding; the text ends in NUL. The caller frees it with free(). */
char *base64_encode(struct bytes bytes);
/* The same into memory of the arena, for what is as large as a client wanted. Fails as arena_take. */
WARN_UNUSED enum status base64_encode_within(struct arena *arena, struct bytes bytes, struct failure *failure,
                                             const char **out);

#endif
