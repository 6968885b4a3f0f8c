#include "api/coding.h"

#include <string.h>
#include <strings.h>
#include <zlib.h>

/* A header and a trailer without anything between them (RFC 1952, 2.2 and 2.3). */
enum { GZIP_WRAPPER = 16, GZIP_BYTES_MIN = 18 };

static bool is_gzip(const char *coding)
{
    return !strcasecmp(coding, "gzip") || !strcasecmp(coding, "x-gzip");
}

/* The body's coding; NULL when it has none. `several`: it says more than one. */
static const char *coding_of(const struct api_request *request, bool *several)
{
    const char *coding = NULL;
    *several = false;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct api_header *header = &request->headers[i];
        if (strcasecmp(header->name, "Content-Encoding") || !*header->value ||
            !strcasecmp(header->value, "identity"))
            continue;
        *several = coding;
        coding = header->value;
    }
    return coding;
}

enum status coding_check(const struct api_request *request, struct failure *failure)
{
    bool several;
    const char *coding = coding_of(request, &several);
    if (!coding || (!several && is_gzip(coding)))
        return STATUS_OK;
    return failure_set(
        failure, STATUS_UNSUPPORTED_MEDIA,
        "The Content-Encoding '%.60s'%s is not taken; send the body as it is, or packed with gzip once.",
        coding, several ? ", not the only one," : "");
}

/* The size that the trailer tells, which zlib holds against what it unpacks. */
static enum status unpacked_size(struct bytes packed, struct failure *failure, size_t *out)
{
    if (packed.size < GZIP_BYTES_MIN)
        return failure_set(failure, STATUS_BAD_REQUEST, "The body is cut off: it is too short for gzip.");
    const uint8_t *end = packed.data + packed.size;
    size_t size = end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 | (size_t)end[-1] << 24;
    if (size > API_BODY_BYTES_MAX)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "The body is over %zu MiB when it is unpacked; send fewer or smaller images.",
                           API_BODY_BYTES_MAX >> 20);
    if (size / CODING_RATIO_MAX > packed.size)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "The body unpacks to over %d times its size; send it as it is.", CODING_RATIO_MAX);
    *out = size;
    return STATUS_OK;
}

/* Exactly `size` bytes, of one member. */
static enum status unpack(struct bytes packed, size_t size, struct failure *failure, uint8_t *out)
{
    z_stream stream = {.next_in = (Bytef *)packed.data,
                       .avail_in = (uInt)packed.size,
                       .next_out = out,
                       .avail_out = (uInt)size};
    if (inflateInit2(&stream, MAX_WBITS + GZIP_WRAPPER))
        return failure_set(failure, STATUS_OUT_OF_MEMORY,
                           "There is no memory left to unpack the body; try again in a moment.");
    int result = inflate(&stream, Z_FINISH);
    bool whole = result == Z_STREAM_END && !stream.avail_in && stream.total_out == size;
    inflateEnd(&stream);
    if (result == Z_MEM_ERROR)
        return failure_set(failure, STATUS_OUT_OF_MEMORY,
                           "There is no memory left to unpack the body; try again in a moment.");
    if (!whole)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The body is not whole gzip of one member: it is damaged, cut off or longer.");
    return STATUS_OK;
}

enum status coding_remove(const struct api_request *request, struct failure *failure, struct api_request *out)
{
    bool several;
    *out = *request;
    if (!coding_of(request, &several))
        return STATUS_OK;
    size_t size = 0;
    void *plain = NULL;
    enum status status = unpacked_size(request->body, failure, &size);
    if (!status)
        status = arena_take(request->arena, size, failure, &plain);
    if (!status)
        status = unpack(request->body, size, failure, plain);
    if (status)
        return status;
    arena_drop(request->arena, request->body.data);
    out->body = (struct bytes){plain, size};
    return STATUS_OK;
}
