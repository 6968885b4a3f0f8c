/* SHA-256 (FIPS 180-4), by which a package's weight files are verified. The only includer of OpenSSL. */
#ifndef CXRD_ENGINE_WEIGHTS_SHA256_H
#define CXRD_ENGINE_WEIGHTS_SHA256_H

#include "engine/base/memory.h"

enum { SHA256_HEX_BYTES = 65 };

/* Writes 64 lower-case hexadecimal digits and a zero. */
void sha256_hex(struct bytes content, char out[SHA256_HEX_BYTES]);

#endif
