#include "server/http.h"

#include "server/exchange.h"
#include "server/listener.h"

#include <stdatomic.h>
#include <stdlib.h>

struct http {
    struct listener *listener;
    struct registry *registry;
    struct exchange_context context;
    uint32_t threads;
    _Atomic bool draining;
    _Atomic size_t in_flight;
};

static void serve(void *context, int socket)
{
    struct http *http = context;
    struct connection connection;
    connection_init(&connection, socket, http->registry);
    bool first = true;
    while (exchange_run(&http->context, &connection, first))
        first = false;
    connection_finish(&connection);
}

enum status http_start(const struct http_options *options, struct api *api, struct failure *failure,
                       struct http **out)
{
    struct http *http = memory_allocate(1, sizeof *http);
    http->threads = options->threads;
    http->context = (struct exchange_context){.api = api,
                                              .budget = options->budget,
                                              .addresses = options->addresses,
                                              .head_timeout_ms = options->head_timeout_ms,
                                              .body_timeout_ms = options->body_timeout_ms,
                                              .deadline_ms = options->deadline_ms,
                                              .probes_only = options->probes_only,
                                              .closing = &http->draining,
                                              .in_flight = &http->in_flight};
    const struct listener_options listener = {
        .address = options->listen, .threads = options->threads, .serve = serve, .context = http};
    enum status status = registry_create(options->threads, failure, &http->registry);
    if (!status)
        status = listener_start(&listener, failure, &http->listener);
    if (status)
        http_stop(&http);
    else
        *out = http;
    return status;
}

int http_port(const struct http *http)
{
    return listener_port(http->listener);
}

struct api_room http_room(void *context)
{
    const struct http *http = context;
    return (struct api_room){.connections = registry_taken(http->registry),
                             .most = http->threads,
                             .full = !registry_has_room(http->registry)};
}

void http_drain(struct http *http)
{
    atomic_store(&http->draining, true);
}

size_t http_in_flight(const struct http *http)
{
    return atomic_load(&http->in_flight);
}

void http_stop(struct http **handle)
{
    struct http *http = handle ? *handle : NULL;
    if (!http)
        return;
    if (http->listener)
        registry_end_all(http->registry);
    listener_stop(&http->listener);
    registry_destroy(&http->registry);
    free(http);
    *handle = NULL;
}
