/* API keys: who may ask, and how often. A key itself is never kept, only its SHA-256.
 *
 * The file has a key a line, `NAME:SHA256[:REQUESTS_PER_MINUTE]`; empty lines and those that begin with '#'
 * are passed over. A name is 1 to 64 letters, digits, '.', '_' or '-': it stands in the log.
 */
#ifndef CXRD_API_KEYS_H
#define CXRD_API_KEYS_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

enum {
    KEYS_MAX = 1024,
    KEYS_FILE_BYTES_MAX = 1 << 18,
    KEY_NAME_BYTES_MAX = 64,
    KEY_RATE_MAX = 1000000 /* requests a minute */
};

struct keys;
/* Reads the text of such a file. Fails with BAD_REQUEST, naming the line, also when there is no key in it.
 * The caller owns *out. */
WARN_UNUSED enum status keys_read(struct bytes text, struct failure *failure, struct keys **out);
void keys_destroy(struct keys **keys);

/* Lets the bearer of `key` (NULL: none was sent) in and writes the key's name, or refuses: UNAUTHORIZED
 * without a key, FORBIDDEN with a wrong one, TOO_MANY_REQUESTS over its rate, when *retry_after_s says how
 * long to wait. A rate is a bucket of a minute's requests that fills steadily. Every key is compared, in
 * constant time. One thread at a time. */
WARN_UNUSED enum status keys_admit(struct keys *keys, const char *key, uint64_t now_ns,
                                   struct failure *failure, int *retry_after_s,
                                   char name[KEY_NAME_BYTES_MAX + 1]);

#endif
