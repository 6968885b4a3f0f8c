#include "api/cors.h"

#include "api/service.h"
#include "api/text.h"

#include <stdlib.h>
#include <string.h>

struct cors {
    struct arena *arena;
    struct text_list origins; /* empty: any */
};

static const char request_headers[] =
    "Authorization, X-API-Key, Content-Type, Content-Encoding, X-Request-Id, traceparent, "
    "Inference-Header-Content-Length";
static const char exposed_headers[] =
    "X-Request-Id, traceparent, Retry-After, Allow, WWW-Authenticate, Inference-Header-Content-Length";
#define PREFLIGHT_SECONDS "600"

/* scheme "://" host [":" port], and nothing after it. */
static bool is_origin(const char *text)
{
    if (strlen(text) > CORS_ORIGIN_BYTES_MAX)
        return false;
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
    if (!scheme || strncmp(text + scheme, "://", 3))
        return false;
    const char *host = text + scheme + 3;
    return *host && strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") == strlen(host);
}

enum status cors_read(const char *origins, struct failure *failure, struct cors **out)
{
    struct arena *arena = arena_create();
    struct text_list list = text_split(arena, origins);
    bool any = list.count == 1 && !strcmp(list.items[0], "*");
    enum status status = STATUS_OK;
    if (!list.count || list.count > CORS_ORIGINS_MAX)
        status =
            failure_set(failure, STATUS_BAD_REQUEST,
                        "The origins must be '*' or 1 to %d with commas between them.", CORS_ORIGINS_MAX);
    for (size_t i = 0; i < list.count && !any && !status; i++)
        if (!is_origin(list.items[i]))
            status =
                failure_set(failure, STATUS_BAD_REQUEST,
                            "'%s' is no origin; write it as a browser does, such as https://viewer.example "
                            "or http://127.0.0.1:3000, or '*' alone.",
                            text_quote(arena, list.items[i], 60));
    if (status) {
        arena_destroy(&arena);
        return status;
    }
    *out = memory_allocate(1, sizeof **out);
    **out = (struct cors){arena, any ? (struct text_list){0} : list};
    return STATUS_OK;
}

void cors_destroy(struct cors **cors)
{
    if (!cors || !*cors)
        return;
    arena_destroy(&(*cors)->arena);
    free(*cors);
    *cors = NULL;
}

/* What the answer allows; NULL for an origin that is not listed. */
static const char *allowed_origin(const struct cors *cors, const char *origin)
{
    if (!cors->origins.count)
        return "*";
    for (size_t i = 0; i < cors->origins.count; i++)
        if (!strcmp(cors->origins.items[i], origin))
            return cors->origins.items[i];
    return NULL;
}

void cors_apply(const struct cors *cors, const struct api_request *request, struct api_response *response)
{
    const char *origin = api_request_header(request, "Origin");
    if (!cors)
        return;
    if (cors->origins.count)
        response->varies_by_origin = true; /* also without one: a cache must not give this answer to others */
    const char *allowed = origin ? allowed_origin(cors, origin) : NULL;
    if (!allowed)
        return;
    respond_header(response, "Access-Control-Allow-Origin", allowed);
    if (!strcmp(request->method, "OPTIONS") && api_request_header(request, "Access-Control-Request-Method")) {
        if (response->allow)
            respond_header(response, "Access-Control-Allow-Methods", response->allow);
        respond_header(response, "Access-Control-Allow-Headers", request_headers);
        respond_header(response, "Access-Control-Max-Age", PREFLIGHT_SECONDS);
    } else {
        respond_header(response, "Access-Control-Expose-Headers", exposed_headers);
    }
}
