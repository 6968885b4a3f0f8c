#include "server/exchange.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "server/connection.h"
#include "server/guard.h"

#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LOG_MEMBERS_BYTES = 1024 };

struct exchange {
    const struct exchange_context *context;
    struct mg_connection *connection;
    struct api_request request;
    struct api_response response;
    int socket; /* for client_gone; -1: not looked up yet */
    bool reuse; /* the connection may serve another request */
    size_t bytes_in, bytes_out;
};

static uint64_t deadline_ns(const struct exchange *exchange)
{
    return clock_now_ns() + (uint64_t)exchange->context->body_timeout_ms * 1000000;
}

static bool client_gone(void *client)
{
    struct exchange *exchange = client;
    if (exchange->socket < 0)
        exchange->socket = connection_socket(exchange->connection);
    return exchange->socket < 0 || connection_gone(exchange->socket);
}

static void exchange_init(struct exchange *exchange, const struct exchange_context *context,
                          struct mg_connection *connection)
{
    *exchange = (struct exchange){.context = context, .connection = connection, .socket = -1};
    struct api_request *request = &exchange->request;
    request->received_ns = clock_now_ns();
    if (context->deadline_ms)
        request->deadline_ns = request->received_ns + (uint64_t)context->deadline_ms * 1000000;
    request->arena = arena_create();
    request->gone = client_gone;
    request->client = exchange;
    request->method = request->path = "";
}

/* Copies the head: the library's own may be changed when the connection is made to close. */
static void read_head(struct exchange *exchange)
{
    const struct mg_request_info *info = mg_get_request_info(exchange->connection);
    struct api_request *request = &exchange->request;
    size_t count = (size_t)info->num_headers;
    struct api_header *headers = arena_allocate(request->arena, count + 1, sizeof *headers);
    for (size_t i = 0; i < count; i++)
        headers[i] = (struct api_header){info->http_headers[i].name, info->http_headers[i].value};
    request->headers = headers;
    request->header_count = count;
    request->method = info->request_method;
    request->path = info->local_uri_raw; /* as sent: the library is told not to decode */
    request->query = info->query_string;
}

static const char *reason(int code)
{
#define REASON_ROW(name, number, title) \
    if (code == (number))               \
        return title;
    STATUS_TABLE(REASON_ROW)
#undef REASON_ROW
    return code == 204 ? "No Content" : "Unknown";
}

static void send_response(struct exchange *exchange)
{
    const struct api_response *response = &exchange->response;
    struct arena *arena = exchange->request.arena;
    char *type =
        response->content_type ? arena_format(arena, "Content-Type: %s\r\n", response->content_type) : "";
    char *length =
        response->code == 204 ? "" : arena_format(arena, "Content-Length: %zu\r\n", response->body.size);
    char *allow = response->allow ? arena_format(arena, "Allow: %s\r\n", response->allow) : "";
    char *retry =
        response->retry_after_s ? arena_format(arena, "Retry-After: %d\r\n", response->retry_after_s) : "";
    char *head = arena_format(arena,
                              "HTTP/1.1 %d %s\r\n%s%s%s%sX-Request-Id: %s\r\nCache-Control: no-store\r\n"
                              "X-Content-Type-Options: nosniff\r\nConnection: %s\r\n\r\n",
                              response->code, reason(response->code), type, length, allow, retry,
                              exchange->request.id, exchange->reuse ? "keep-alive" : "close");
    struct bytes body = strcmp(exchange->request.method, "HEAD") ? response->body : (struct bytes){0};
    exchange->bytes_out = body.size;
    if (!connection_write(exchange->connection, exchange->context->watchdog, deadline_ns(exchange),
                          (struct bytes){(const uint8_t *)head, strlen(head)}, body))
        exchange->reuse = false;
}

static void log_exchange(const struct exchange *exchange)
{
    const struct api_request *request = &exchange->request;
    const struct api_response *response = &exchange->response;
    char members[LOG_MEMBERS_BYTES];
    int used = snprintf(members, sizeof members,
                        "\"id\":\"%s\",\"method\":\"%.8s\",\"route\":\"%s\",\"code\":%d,\"bytes_in\":%zu,"
                        "\"bytes_out\":%zu,\"ms\":%.3f",
                        request->id, request->method, response->route, response->code, exchange->bytes_in,
                        exchange->bytes_out, clock_elapsed_ms(request->received_ns));
    if (response->images)
        snprintf(members + used, sizeof members - (size_t)used,
                 ",\"images\":%zu,\"decode_ms\":%.3f,\"preprocess_ms\":%.3f,\"queue_ms\":%.3f,"
                 "\"inference_ms\":%.3f",
                 response->images, response->timing.decode_ms, response->timing.preprocess_ms,
                 response->timing.queue_ms, response->timing.inference_ms);
    log_event(LOG_INFO, "request", members);
}

/* Sends a refusal: the rest of the request stays unread, so the connection ends. */
static void refuse(struct exchange *exchange, const struct failure *failure)
{
    if (failure)
        api_refuse(&exchange->request, failure, &exchange->response);
    exchange->reuse = false;
    send_response(exchange);
    connection_drain(exchange->connection);
}

/* Reads the body into the arena. */
static enum status read_body(struct exchange *exchange, size_t size, struct failure *failure)
{
    const char *expect = api_request_header(&exchange->request, "Expect");
    if (size && expect && !strcasecmp(expect, "100-continue")) {
        static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
        mg_write(exchange->connection, text, sizeof text - 1);
    }
    uint8_t *body = arena_allocate(exchange->request.arena, size + 1, 1);
    enum body_result result = size ? connection_read(exchange->connection, exchange->context->watchdog,
                                                     deadline_ns(exchange), body, size)
                                   : BODY_COMPLETE;
    if (result == BODY_TOO_SLOW)
        return failure_set(failure, STATUS_REQUEST_TIMEOUT, "The body did not arrive within %.1f s.",
                           exchange->context->body_timeout_ms / 1e3);
    if (result == BODY_CUT_OFF)
        return failure_set(failure, STATUS_BAD_REQUEST, "The body is shorter than its Content-Length.");
    exchange->request.body = (struct bytes){body, size};
    exchange->bytes_in = size;
    return STATUS_OK;
}

static bool is_probe(const struct api_request *request)
{
    return !strcmp(request->path, "/healthz") || !strcmp(request->path, "/readyz");
}

static void run(struct exchange *exchange)
{
    struct api_request *request = &exchange->request;
    struct failure failure = {0};
    size_t size = 0;
    const char *version = mg_get_request_info(exchange->connection)->http_version;
    enum status status = guard_check(request, version, &failure, &size);
    if (!status && exchange->context->probes_only && !is_probe(request))
        status = failure_set(&failure, STATUS_NOT_FOUND, "Here are only /healthz and /readyz.");
    if (status) {
        refuse(exchange, &failure);
        return;
    }
    if (!api_admit(exchange->context->api, request, &exchange->response)) {
        if (size)
            refuse(exchange, NULL);
        else
            send_response(exchange);
        return;
    }
    if (read_body(exchange, size, &failure)) {
        refuse(exchange, &failure);
        return;
    }
    api_handle(exchange->context->api, request, &exchange->response);
    send_response(exchange);
}

static void exchange_finish(struct exchange *exchange)
{
    log_exchange(exchange);
    api_response_finish(&exchange->response);
    arena_destroy(&exchange->request.arena);
}

bool exchange_run(const struct exchange_context *context, struct mg_connection *connection)
{
    struct exchange exchange;
    exchange_init(&exchange, context, connection);
    read_head(&exchange);
    api_request_identify(&exchange.request);
    exchange.reuse = !context->closing && connection_wants_reuse(connection);
    run(&exchange);
    if (!exchange.reuse)
        connection_forbid_reuse(connection);
    bool reuse = exchange.reuse;
    exchange_finish(&exchange);
    return reuse;
}

void exchange_refuse(const struct exchange_context *context, struct mg_connection *connection, int code)
{
    struct exchange exchange;
    exchange_init(&exchange, context, connection);
    api_request_identify(&exchange.request);
    struct failure failure = {0};
    if (code == 411)
        failure_set(&failure, STATUS_BAD_REQUEST, "The Content-Length is not a number of digits only.");
    else if (code == 505)
        failure_set(&failure, STATUS_BAD_REQUEST, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
    else
        failure_set(&failure, STATUS_BAD_REQUEST, "The request's head is malformed, too long or too slow.");
    refuse(&exchange, &failure);
    exchange_finish(&exchange);
}
