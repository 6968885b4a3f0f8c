#include "server/guard.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static size_t count_header(const struct api_request *request, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++)
        count += !strcasecmp(request->headers[i].name, name);
    return count;
}

static size_t header_bytes(const struct api_request *request)
{
    size_t bytes = 0;
    for (size_t i = 0; i < request->header_count; i++)
        bytes += strlen(request->headers[i].name) + strlen(request->headers[i].value) + strlen(": \r\n");
    return bytes;
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7f)
            return true;
    return false;
}

/* %00 to %1F and %7F. */
static bool has_encoded_control(const char *text)
{
    for (; (text = strchr(text, '%')); text++) {
        bool low = (text[1] == '0' || text[1] == '1') && text[2];
        if (low || !strncasecmp(text, "%7f", 3))
            return true;
    }
    return false;
}

static enum status check_target(const struct api_request *request, struct failure *failure)
{
    const char *query = request->query ? request->query : "";
    if (strlen(request->path) + strlen(query) > API_TARGET_BYTES_MAX)
        return failure_set(failure, STATUS_BAD_REQUEST, "The address is longer than %d bytes.",
                           API_TARGET_BYTES_MAX);
    if (has_control(request->path) || has_control(query) || has_encoded_control(request->path))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The address holds control characters or bytes outside of ASCII.");
    return STATUS_OK;
}

static enum status check_length(const struct api_request *request, struct failure *failure,
                                size_t *content_length)
{
    size_t count = count_header(request, "Content-Length");
    const char *length = api_request_header(request, "Content-Length");
    if (!count && !strcmp(request->method, "POST"))
        return failure_set(failure, STATUS_LENGTH_REQUIRED, "A POST needs a Content-Length.");
    if (count > 1)
        return failure_set(failure, STATUS_BAD_REQUEST, "The request has several Content-Lengths.");
    if (count && (!*length || strspn(length, "0123456789") != strlen(length)))
        return failure_set(failure, STATUS_BAD_REQUEST, "The Content-Length is not a number of digits only.");
    unsigned long long size = count ? strtoull(length, NULL, 10) : 0; /* saturates */
    if (size > API_BODY_BYTES_MAX)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "The body is over %zu MiB; send fewer or smaller images.",
                           API_BODY_BYTES_MAX >> 20);
    *content_length = (size_t)size;
    return STATUS_OK;
}

enum status guard_check(const struct api_request *request, const char *http_version, struct failure *failure,
                        size_t *content_length)
{
    if (request->header_count > GUARD_HEADERS_MAX)
        return failure_set(failure, STATUS_HEADERS_TOO_LARGE, "The request has more than %d header fields.",
                           GUARD_HEADERS_MAX);
    if (header_bytes(request) > GUARD_HEADER_BYTES_MAX)
        return failure_set(failure, STATUS_HEADERS_TOO_LARGE, "The request's header fields are over %d KiB.",
                           GUARD_HEADER_BYTES_MAX >> 10);
    if (count_header(request, "Transfer-Encoding"))
        return failure_set(failure, STATUS_LENGTH_REQUIRED,
                           "Transfer-Encoding is not taken; send a Content-Length.");
    size_t hosts = count_header(request, "Host");
    if (hosts > 1 || (!hosts && !strcmp(http_version, "1.1")))
        return failure_set(failure, STATUS_BAD_REQUEST, "The request needs exactly one Host header.");
    enum status status = check_target(request, failure);
    if (!status)
        status = check_length(request, failure, content_length);
    return status;
}
