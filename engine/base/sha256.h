/* SHA-256 (FIPS 180-4): weight files are verified by it, and API keys are known by it alone. sha256.c is the
 * only includer of OpenSSL. */
#ifndef CXRD_ENGINE_BASE_SHA256_H
#define CXRD_ENGINE_BASE_SHA256_H

#include "engine/base/file.h"

enum { SHA256_HEX_BYTES = 65 };

/* Writes 64 lower-case hexadecimal digits and a zero. */
void sha256_hex(struct bytes content, char out[SHA256_HEX_BYTES]);

/* The same of a mapped file, which rests afterwards (file_rest). */
void sha256_mapping(const struct file_mapping *file, char out[SHA256_HEX_BYTES]);

/* The same of a file, which must not change meanwhile. Fails with NOT_FOUND, INVALID_FILE; sentences name the
 * path. */
WARN_UNUSED enum status sha256_file(const char *path, struct failure *failure, char out[SHA256_HEX_BYTES]);

/* Compares two of them in a time that does not depend on what they are. */
bool sha256_equal(const char a[SHA256_HEX_BYTES], const char b[SHA256_HEX_BYTES]);

#endif
