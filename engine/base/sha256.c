#include "engine/base/sha256.h"

#include "engine/base/hex.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { STRETCH_BYTES = 64 << 20 }; /* of a file that counts as this program's memory at once */

void sha256_hex(struct bytes content, char out[SHA256_HEX_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    /* Fails only when OpenSSL cannot allocate its context: treated as every lack of memory is. */
    if (!EVP_Digest(content.size ? content.data : (const uint8_t *)"", content.size, digest, &size,
                    EVP_sha256(), NULL) ||
        size != 32)
        abort();
    hex_print(digest, size, out);
}

void sha256_mapping(const struct file_mapping *file, char out[SHA256_HEX_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    for (size_t at = 0; done && at < file->content.size; at += STRETCH_BYTES) {
        size_t left = file->content.size - at;
        done =
            EVP_DigestUpdate(context, file->content.data + at, left < STRETCH_BYTES ? left : STRETCH_BYTES);
        file_rest(file);
    }
    if (!done || !EVP_DigestFinal_ex(context, digest, &size) || size != 32)
        abort();
    EVP_MD_CTX_free(context);
    hex_print(digest, size, out);
}

enum status sha256_file(const char *path, struct failure *failure, char out[SHA256_HEX_BYTES])
{
    struct file_mapping mapping;
    enum status status = file_map(path, failure, &mapping);
    if (status)
        return status;
    sha256_mapping(&mapping, out);
    status = file_unchanged(&mapping, failure);
    if (status)
        failure_prefix(failure, "%s", path);
    file_unmap(&mapping);
    return status;
}

bool sha256_equal(const char a[SHA256_HEX_BYTES], const char b[SHA256_HEX_BYTES])
{
    return !CRYPTO_memcmp(a, b, SHA256_HEX_BYTES - 1);
}
