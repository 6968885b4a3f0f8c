/* The one table of routes, and the way through it. Paths match exactly. */
#include "api/handlers/handlers.h"
#include "api/input.h"
#include "api/text.h"

#include <string.h>

enum method { METHOD_GET = 1, METHOD_POST = 2 };

struct route {
    const char *pattern; /* may end in "{name}": the rest of the path, not empty */
    enum method method;
    api_handler handler;
    bool open; /* answers whoever asks, and refuses nobody */
};

static const struct route routes[] = {
    {"/predict", METHOD_POST, handle_predict},
    {"/v1/predict", METHOD_POST, handle_predict},
    {"/models", METHOD_GET, handle_models},
    {"/models/{name}", METHOD_GET, handle_model},
    {"/healthz", METHOD_GET, handle_health, true},
    {"/readyz", METHOD_GET, handle_ready, true},
    /* Open: it holds counts only, and what scrapes it has no key of a client. */
    {"/metrics", METHOD_GET, handle_metrics, true},
    {"/version", METHOD_GET, handle_version},
    {"/openapi.yaml", METHOD_GET, handle_openapi_yaml, true},
    {"/openapi.json", METHOD_GET, handle_openapi_json, true},
};
enum { ROUTES = sizeof routes / sizeof *routes };

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

/* The part of the path that stands for "{name}", "" when the pattern has none, NULL when it does not match.
 */
static const char *match(const char *pattern, const char *path)
{
    size_t fixed = strcspn(pattern, "{");
    if (strncmp(pattern, path, fixed))
        return NULL;
    const char *rest = path + fixed;
    return (*rest != '\0') == (pattern[fixed] != '\0') ? rest : NULL;
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
                                      const char **argument)
{
    struct failure failure = {0};
    char *path = NULL;
    if (text_percent_decode(request->arena, request->path, strlen(request->path), false, &failure, &path)) {
        respond_failure(request, &failure, response);
        return NULL;
    }
    for (size_t i = 0; i < ROUTES; i++) {
        const struct route *route = &routes[i];
        *argument = match(route->pattern, path);
        if (!*argument)
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
                text_quote(request->arena, path, 60));
    respond_failure(request, &failure, response);
    return NULL;
}

/* True when the body is worth reading; else *response is the refusal, but for its last touches. */
static bool admit(struct api *api, struct api_request *request, struct api_response *response)
{
    const char *argument = NULL;
    const struct route *route = find_route(request, response, &argument);
    if (!route || (!route->open && !service_authorize(api, request, response)))
        return false;
    if (route->method != METHOD_POST)
        return true;
    struct failure failure = {0};
    enum body_form form;
    enum status status = service_ready(api, &failure);
    if (!status)
        status = input_form(request, &failure, &form);
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

void api_handle(struct api *api, const struct api_request *request, struct api_response *response)
{
    *response = (struct api_response){.route = ""};
    const char *argument = NULL;
    const struct route *route = find_route(request, response, &argument);
    if (route && route->method == METHOD_POST)
        metrics_enter(api->metrics);
    if (route)
        route->handler(api, request, argument, response);
    if (route && route->method == METHOD_POST)
        metrics_leave(api->metrics);
    service_complete(api, request, response);
}

void api_refuse(struct api *api, const struct api_request *request, const struct failure *failure,
                struct api_response *response)
{
    *response = (struct api_response){.route = response->route ? response->route : ""};
    respond_failure(request, failure, response);
    service_complete(api, request, response);
}
