#include "api/compress.h"

#include "api/service.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* The lowest level: the others pack numbers a tenth tighter and take eight times as long. */
enum { LEVEL = 1, GZIP_WRAPPER = 16 };

static bool is_coding(const char *text, size_t length, const char *name)
{
    return length == strlen(name) && !strncasecmp(text, name, length);
}

/* A weight of one of the forms "0", "0.", "0.0" to "0.000": not acceptable. Anything else is taken for a
 * wish. */
static bool is_zero(const char *parameters, size_t length)
{
    size_t at = 0;
    while (at < length && strchr("; \t", parameters[at]))
        at++;
    if (length - at < 3 || strncasecmp(parameters + at, "q=0", 3))
        return false;
    for (at += 3; at < length; at++)
        if (!strchr(".0 \t", parameters[at]))
            return false;
    return true;
}

bool compress_is_accepted(const char *accept_encoding)
{
    bool any = false;
    for (const char *at = accept_encoding ? accept_encoding : ""; *at;) {
        at += strspn(at, ", \t");
        size_t length = strcspn(at, ","), name = strcspn(at, ",; \t");
        bool wanted = !is_zero(at + name, length - name);
        if (is_coding(at, name, "gzip") || is_coding(at, name, "x-gzip"))
            return wanted; /* what is named counts more than "*" */
        if (is_coding(at, name, "*"))
            any = wanted;
        at += length;
    }
    return any;
}

static bool is_compressible(const struct api_response *response)
{
    static const char *const types[] = {"application/json", "application/problem+json", "application/yaml",
                                        "text/", "image/svg+xml"};
    if (!response->content_type || response->body.size <= COMPRESS_BYTES_MIN ||
        response->body.size > COMPRESS_BYTES_MAX)
        return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strncmp(response->content_type, types[i], strlen(types[i])))
            return true;
    return false;
}

void compress_apply(const struct api_request *request, struct api_response *response)
{
    if (!is_compressible(response))
        return;
    response->varies_by_encoding = true;
    if (!compress_is_accepted(api_request_header(request, "Accept-Encoding")))
        return;
    z_stream stream = {0};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, MAX_WBITS + GZIP_WRAPPER, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY))
        return; /* where there is no memory the answer goes as it is */
    uLong most = deflateBound(&stream, response->body.size);
    void *packed = NULL;
    if (arena_take(request->arena, most, NULL, &packed)) {
        deflateEnd(&stream);
        return;
    }
    stream.next_in = (Bytef *)response->body.data;
    stream.avail_in = (uInt)response->body.size;
    stream.next_out = packed;
    stream.avail_out = (uInt)most;
    int result = deflate(&stream, Z_FINISH);
    assert(result == Z_STREAM_END); /* the bound is one */
    size_t size = stream.total_out;
    result = deflateEnd(&stream);
    assert(result == Z_OK);
    (void)result;
    free(response->owned);
    response->owned = NULL;
    arena_drop(request->arena, response->body.data);
    response->body = (struct bytes){packed, size};
    respond_header(response, "Content-Encoding", "gzip");
}
