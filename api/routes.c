/* The one table of routes, and the way through it. Paths match exactly, piece by piece once decoded. */
#include "api/coding.h"
#include "api/handlers/handlers.h"
#include "api/infer.h"
#include "api/input.h"
#include "api/text.h"

#include <string.h>

enum method { METHOD_GET = 1, METHOD_POST = 2 };

struct route {
    const char *pattern; /* "{name}", "{version}" and "{file}" stand for a piece that is not empty */
    enum method method;
    api_handler handler;
    enum status (*check)(const struct api_request *,
                         struct failure *); /* of POST: whether its type is read */
    bool open;                              /* answers whoever asks, and refuses nobody */
};

static const struct route routes[] = {
    {"/predict", METHOD_POST, handle_predict, input_check},
    {"/v1/predict", METHOD_POST, handle_predict, input_check},
    {"/embed", METHOD_POST, handle_embed, input_check},
    {"/v1/embed", METHOD_POST, handle_embed, input_check},
    {"/models", METHOD_GET, handle_models},
    {"/models/{name}", METHOD_GET, handle_model},
    {"/healthz", METHOD_GET, handle_health, .open = true},
    {"/readyz", METHOD_GET, handle_ready, .open = true},
    /* Open: it holds counts only, and what scrapes it has no key of a client. */
    {"/metrics", METHOD_GET, handle_metrics, .open = true},
    {"/version", METHOD_GET, handle_version},
    /* Open: whoever has a key enters it there. */
    {"/", METHOD_GET, handle_page, .open = true},
    {"/page/{file}", METHOD_GET, handle_page_file, .open = true},
    {"/openapi.yaml", METHOD_GET, handle_openapi_yaml, .open = true},
    {"/openapi.json", METHOD_GET, handle_openapi_json, .open = true},
    {"/v2", METHOD_GET, handle_v2},
    {"/v2/health/live", METHOD_GET, handle_v2_live, .open = true},
    {"/v2/health/ready", METHOD_GET, handle_v2_ready, .open = true},
    {"/v2/models/{name}", METHOD_GET, handle_v2_model},
    {"/v2/models/{name}/ready", METHOD_GET, handle_v2_model_ready},
    {"/v2/models/{name}/infer", METHOD_POST, handle_v2_infer, infer_check},
    {"/v2/models/{name}/versions/{version}", METHOD_GET, handle_v2_model},
    {"/v2/models/{name}/versions/{version}/ready", METHOD_GET, handle_v2_model_ready},
    {"/v2/models/{name}/versions/{version}/infer", METHOD_POST, handle_v2_infer, infer_check},
};
enum { ROUTES = sizeof routes / sizeof *routes, SEGMENTS_MAX = 6 };

size_t routes_count(void)
{
    return ROUTES;
}

const char *routes_pattern(size_t route)
{
    return routes[route].pattern;
}

bool routes_open(const char *pattern)
{
    for (size_t i = 0; i < ROUTES; i++)
        if (!strcmp(routes[i].pattern, pattern))
            return routes[i].open;
    return false;
}

/* A path cut at its slashes, each piece decoded. */
struct path {
    const char *segments[SEGMENTS_MAX];
    size_t count; /* 0: more than any route has */
};

static enum status split_path(const struct api_request *request, struct failure *failure, struct path *out)
{
    *out = (struct path){0};
    for (const char *at = request->path; *at == '/';) {
        size_t length = strcspn(++at, "/");
        char *segment = NULL;
        enum status status = text_percent_decode(request->arena, at, length, false, failure, &segment);
        if (status)
            return status;
        if (out->count < SEGMENTS_MAX)
            out->segments[out->count] = segment;
        out->count++;
        at += length;
    }
    if (out->count > SEGMENTS_MAX)
        out->count = 0;
    return STATUS_OK;
}

static bool match(const char *pattern, const struct path *path, struct arguments *out)
{
    *out = (struct arguments){0};
    for (size_t i = 0; i < path->count; i++) {
        const char *segment = path->segments[i];
        if (*pattern++ != '/')
            return false;
        size_t length = strcspn(pattern, "/");
        if (*pattern == '{' && *segment)
            *(pattern[1] == 'n' ? &out->name : pattern[1] == 'v' ? &out->version : &out->file) = segment;
        else if (strlen(segment) != length || strncmp(segment, pattern, length))
            return false;
        pattern += length;
    }
    return path->count && !*pattern;
}

static const char *allowed(enum method method)
{
    return method == METHOD_POST ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

static bool method_fits(const struct route *route, const char *method)
{
    return route->method == METHOD_POST ? !strcmp(method, "POST")
                                        : !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

/* Finds the route of a request. NULL when *response already holds the answer: none, wrong method, OPTIONS. */
static const struct route *find_route(const struct api_request *request, struct api_response *response,
                                      struct arguments *arguments)
{
    struct failure failure = {0};
    struct path path;
    if (split_path(request, &failure, &path)) {
        respond_failure(request, &failure, response);
        return NULL;
    }
    for (size_t i = 0; i < ROUTES; i++) {
        const struct route *route = &routes[i];
        if (!match(route->pattern, &path, arguments))
            continue;
        response->route = route->pattern;
        if (method_fits(route, request->method))
            return route;
        response->allow = allowed(route->method);
        if (!strcmp(request->method, "OPTIONS")) {
            response->code = 204;
            return NULL;
        }
        failure_set(&failure, STATUS_METHOD_NOT_ALLOWED, "%s takes only: %s.", route->pattern,
                    response->allow);
        respond_failure(request, &failure, response);
        return NULL;
    }
    failure_set(&failure, STATUS_NOT_FOUND, "There is nothing at '%s'; /openapi.yaml lists what there is.",
                text_quote(request->arena, request->path, 60));
    respond_failure(request, &failure, response);
    return NULL;
}

static enum status check_ready(struct api *api, struct failure *failure)
{
    unsigned ticket = service_enter(api);
    enum status status = service_ready(api, failure);
    service_leave(api, ticket);
    return status;
}

/* True when the body is worth reading; else *response is the refusal, but for its last touches. */
static bool admit(struct api *api, struct api_request *request, struct api_response *response)
{
    struct arguments arguments;
    const struct route *route = find_route(request, response, &arguments);
    if (!route || (!route->open && !service_authorize(api, request, response)))
        return false;
    if (route->method != METHOD_POST)
        return true;
    struct failure failure = {0};
    enum status status = check_ready(api, &failure);
    if (!status && !gate_is_open(&api->gate))
        status = service_busy(&failure);
    if (!status)
        status = coding_check(request, &failure);
    if (!status)
        status = route->check(request, &failure);
    if (status)
        respond_failure(request, &failure, response);
    return !status;
}

bool api_admit(struct api *api, struct api_request *request, struct api_response *response)
{
    *response = (struct api_response){.route = ""};
    bool admitted = admit(api, request, response);
    if (!admitted)
        service_complete(api, request, response);
    return admitted;
}

/* Requests for predictions go through the gate, which may have closed since api_admit. */
static void work(struct api *api, const struct route *route, const struct api_request *request,
                 const struct arguments *arguments, struct api_response *response)
{
    struct failure failure;
    if (!service_enter_gate(api, response)) {
        (void)service_busy(&failure);
        respond_failure(request, &failure, response);
        return;
    }
    struct api_request plain;
    if (coding_remove(request, &failure, &plain))
        respond_failure(request, &failure, response);
    else
        route->handler(api, &plain, arguments, response);
    service_leave_gate(api, response);
    if (response->heavy)
        gate_leave(&api->heavy_gate);
}

void api_handle(struct api *api, const struct api_request *request, struct api_response *response)
{
    *response = (struct api_response){.route = ""};
    struct arguments arguments;
    const struct route *route = find_route(request, response, &arguments);
    if (route) {
        unsigned ticket = service_enter(api);
        if (route->method == METHOD_POST)
            work(api, route, request, &arguments, response);
        else
            route->handler(api, request, &arguments, response);
        service_leave(api, ticket);
    }
    service_complete(api, request, response);
}

void api_refuse(struct api *api, const struct api_request *request, const struct failure *failure,
                struct api_response *response)
{
    *response = (struct api_response){.route = response->route ? response->route : ""};
    respond_failure(request, failure, response);
    service_complete(api, request, response);
}
