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
};

static const struct route routes[] = {
    {"/predict", METHOD_POST, handle_predict},
    {"/v1/predict", METHOD_POST, handle_predict},
    {"/models", METHOD_GET, handle_models},
    {"/models/{name}", METHOD_GET, handle_model},
    {"/healthz", METHOD_GET, handle_health},
    {"/readyz", METHOD_GET, handle_ready},
    {"/version", METHOD_GET, handle_version},
    {"/openapi.yaml", METHOD_GET, handle_openapi_yaml},
    {"/openapi.json", METHOD_GET, handle_openapi_json},
};

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
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
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

static enum status check_ready(struct api *api, struct failure *failure)
{
    unsigned ticket = service_enter(api);
    enum status status = service_ready(api, failure);
    service_leave(api, ticket);
    return status;
}

bool api_admit(struct api *api, const struct api_request *request, struct api_response *response)
{
    *response = (struct api_response){.route = ""};
    const char *argument = NULL;
    const struct route *route = find_route(request, response, &argument);
    if (!route)
        return false;
    if (route->method != METHOD_POST)
        return true;
    struct failure failure = {0};
    enum body_form form;
    enum status status = check_ready(api, &failure);
    if (!status)
        status = input_form(request, &failure, &form);
    if (status)
        respond_failure(request, &failure, response);
    return !status;
}

void api_handle(struct api *api, const struct api_request *request, struct api_response *response)
{
    *response = (struct api_response){.route = ""};
    const char *argument = NULL;
    const struct route *route = find_route(request, response, &argument);
    if (!route)
        return;
    unsigned ticket = service_enter(api);
    route->handler(api, request, argument, response);
    service_leave(api, ticket);
}

void api_refuse(const struct api_request *request, const struct failure *failure,
                struct api_response *response)
{
    *response = (struct api_response){.route = ""};
    respond_failure(request, failure, response);
}
