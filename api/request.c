#include "api/api.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

const char *api_request_header(const struct api_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (!strcasecmp(request->headers[i].name, name))
            return request->headers[i].value;
    return NULL;
}

/* NULL also when the header was sent twice. */
static const char *only_header(const struct api_request *request, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++)
        count += !strcasecmp(request->headers[i].name, name);
    return count == 1 ? api_request_header(request, name) : NULL;
}

static bool id_is_usable(const char *id)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-";
    size_t length = strspn(id, letters);
    return length > 0 && length <= API_REQUEST_ID_BYTES_MAX && !id[length];
}

void api_request_identify(struct api_request *request)
{
    trace_init(&request->trace, only_header(request, "traceparent"));
    const char *given = api_request_header(request, "X-Request-Id");
    if (given && id_is_usable(given)) {
        strcpy(request->id, given);
        return;
    }
    uint64_t random[2] = {0};
    /* Where the kernel has no randomness yet, the time still tells requests apart. */
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random[0] = request->received_ns;
    snprintf(request->id, sizeof request->id, "%016llx%016llx", (unsigned long long)random[0],
             (unsigned long long)random[1]);
}
