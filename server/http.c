#include "server/http.h"

#include "engine/base/log.h"
#include "server/exchange.h"

#include <civetweb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct http {
    struct mg_context *context;
    struct api *api;
    struct watchdog *watchdog;
    uint32_t threads, body_timeout_ms, deadline_ms;
    bool probes_only;
    _Atomic bool draining;
    _Atomic size_t connections, in_flight;
    int port;
};

static struct exchange_context exchange_context(struct http *http)
{
    return (struct exchange_context){
        .api = http->api,
        .watchdog = http->watchdog,
        .body_timeout_ms = http->body_timeout_ms,
        .deadline_ms = http->deadline_ms,
        .probes_only = http->probes_only,
        /* A kept connection holds a thread: the last one is given to whoever comes next. */
        .closing = atomic_load(&http->draining) || atomic_load(&http->connections) >= http->threads,
    };
}

static int on_connection(const struct mg_connection *connection, void **data)
{
    (void)data;
    struct http *http = mg_get_user_data(mg_get_context(connection));
    atomic_fetch_add(&http->connections, 1);
    return 0;
}

static void on_connection_end(const struct mg_connection *connection)
{
    struct http *http = mg_get_user_data(mg_get_context(connection));
    atomic_fetch_sub(&http->connections, 1);
}

/* Every request comes here; the library does nothing of its own with any. */
static int on_request(struct mg_connection *connection)
{
    struct http *http = mg_get_request_info(connection)->user_data;
    atomic_fetch_add(&http->in_flight, 1);
    struct exchange_context context = exchange_context(http);
    bool reuse = exchange_run(&context, connection);
    atomic_fetch_sub(&http->in_flight, 1);
    /* A positive number makes the library read the rest of the body, however long; a negative one does not.
     */
    return reuse ? 200 : -1;
}

/* The library refused a request by itself. */
static int on_error(struct mg_connection *connection, int code, const char *message)
{
    (void)message;
    struct http *http = mg_get_request_info(connection)->user_data;
    struct exchange_context context = exchange_context(http);
    exchange_refuse(&context, connection, code);
    return 0;
}

static int on_message(const struct mg_connection *connection, const char *message)
{
    (void)connection;
    log_message(LOG_DEBUG, "http: %s", message);
    return 1;
}

enum status http_start(const struct http_options *options, struct api *api, struct failure *failure,
                       struct http **out)
{
    if (!options->listen || !strchr(options->listen, ':') ||
        strspn(options->listen, "0123456789.:abcdefABCDEF[]") != strlen(options->listen))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The address to listen on must be ADDRESS:PORT, such as 127.0.0.1:8080.");
    char threads[16], head_timeout[16];
    snprintf(threads, sizeof threads, "%u", options->threads);
    snprintf(head_timeout, sizeof head_timeout, "%u", options->head_timeout_ms);
    /* Idle connections outlive a proxy's 60 s; a request's head has 64 KiB. */
    const char *const settings[][2] = {{"listening_ports", options->listen},
                                       {"num_threads", threads},
                                       {"enable_keep_alive", "yes"},
                                       {"keep_alive_timeout_ms", "75000"},
                                       {"request_timeout_ms", head_timeout},
                                       {"max_request_size", "65536"},
                                       {"decode_url", "no"},
                                       {"tcp_nodelay", "1"},
                                       {NULL, NULL}};
    const struct mg_callbacks callbacks = {.begin_request = on_request,
                                           .http_error = on_error,
                                           .log_message = on_message,
                                           .init_connection = on_connection,
                                           .connection_closed = on_connection_end};
    struct http *http = memory_allocate(1, sizeof *http);
    http->api = api;
    http->threads = options->threads;
    http->body_timeout_ms = options->body_timeout_ms;
    http->deadline_ms = options->deadline_ms;
    http->probes_only = options->probes_only;
    http->watchdog = watchdog_create(options->threads);
    http->context = mg_start(&callbacks, http, (const char **)&settings[0][0]);
    struct mg_server_port port = {0};
    if (!http->context || mg_get_server_ports(http->context, 1, &port) < 1) {
        http_stop(&http);
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "Cannot listen on %s: is it taken, or not an address of this machine?",
                           options->listen);
    }
    http->port = port.port;
    *out = http;
    return STATUS_OK;
}

int http_port(const struct http *http)
{
    return http->port;
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
    if (http->context)
        mg_stop(http->context);
    watchdog_destroy(&http->watchdog);
    free(http);
    *handle = NULL;
}
