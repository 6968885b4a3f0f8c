#include "server/exchange.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "server/connection.h"
#include "server/guard.h"

#include <assert.h>
#include <civetweb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LOG_MEMBERS_BYTES = 1024, HEAD_BYTES_MAX = 8192, HEAD_LINE_BYTES = 512 };

struct exchange {
    const struct exchange_context *context;
    struct mg_connection *connection;
    struct api_request request;
    struct api_response response;
    int socket; /* for client_gone; -1: not looked up yet */
    bool reuse; /* the connection may serve another request */
    size_t bytes_in, bytes_out;
    double read_ms, write_ms;
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
    request->arena = arena_create();
    request->gone = client_gone;
    request->asked = exchange;
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

static void PRINTF_LIKE(2, 3) add_line(struct buffer *head, const char *format, ...)
{
    char line[HEAD_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 2, format, arguments);
    va_end(arguments);
    assert(length >= 0 && (size_t)length < sizeof line - 2); /* what a client sent goes in bounded */
    memcpy(line + length, "\r\n", 2);
    buffer_append(head, line, (size_t)length + 2);
}

static struct buffer write_head(const struct exchange *exchange)
{
    const struct api_response *response = &exchange->response;
    struct buffer head = {.maximum = HEAD_BYTES_MAX};
    char trace[TRACE_PARENT_BYTES];
    trace_print(&exchange->request.trace, trace);
    add_line(&head, "HTTP/1.1 %d %s", response->code, reason(response->code));
    if (response->content_type)
        add_line(&head, "Content-Type: %s", response->content_type);
    if (response->code != 204)
        add_line(&head, "Content-Length: %zu", response->body.size);
    if (response->allow)
        add_line(&head, "Allow: %s", response->allow);
    if (response->retry_after_s)
        add_line(&head, "Retry-After: %d", response->retry_after_s);
    for (size_t i = 0; i < response->header_count; i++)
        add_line(&head, "%s: %s", response->headers[i].name, response->headers[i].value);
    add_line(&head, "X-Request-Id: %s", exchange->request.id);
    add_line(&head, "traceparent: %s", trace);
    add_line(&head, "Cache-Control: no-store");
    add_line(&head, "X-Content-Type-Options: nosniff");
    add_line(&head, "Connection: %s", exchange->reuse ? "keep-alive" : "close");
    buffer_append(&head, "\r\n", 2);
    return head;
}

static void send_response(struct exchange *exchange)
{
    const struct api_response *response = &exchange->response;
    struct buffer head = write_head(exchange);
    struct bytes body = strcmp(exchange->request.method, "HEAD") ? response->body : (struct bytes){0};
    exchange->bytes_out = body.size;
    uint64_t start_ns = clock_now_ns();
    if (!connection_write(exchange->connection, exchange->context->watchdog, deadline_ns(exchange),
                          (struct bytes){head.data, head.size}, body))
        exchange->reuse = false;
    exchange->write_ms = clock_elapsed_ms(start_ns);
    buffer_finish(&head);
}

static void PRINTF_LIKE(2, 3) add_members(char members[LOG_MEMBERS_BYTES], const char *format, ...)
{
    size_t used = strlen(members);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(members + used, LOG_MEMBERS_BYTES - used, format, arguments);
    va_end(arguments);
}

static void log_exchange(const struct exchange *exchange)
{
    const struct api_request *request = &exchange->request;
    const struct api_response *response = &exchange->response;
    char members[LOG_MEMBERS_BYTES] = "";
    add_members(members, "\"id\":\"%s\",\"trace\":\"%s\",\"span\":\"%s\"", request->id, request->trace.id,
                request->trace.span);
    if (*request->trace.parent)
        add_members(members, ",\"parent\":\"%s\"", request->trace.parent);
    if (*request->client)
        add_members(members, ",\"client\":\"%s\"", request->client);
    add_members(members, ",\"method\":\"%.8s\",\"route\":\"%s\",\"code\":%d", request->method,
                response->route, response->code);
    if (response->status != STATUS_OK)
        add_members(members, ",\"status\":\"%s\"", status_name(response->status));
    add_members(members, ",\"bytes_in\":%zu,\"bytes_out\":%zu,\"ms\":%.3f,\"read_ms\":%.3f,\"write_ms\":%.3f",
                exchange->bytes_in, exchange->bytes_out, clock_elapsed_ms(request->received_ns),
                exchange->read_ms, exchange->write_ms);
    if (response->images)
        add_members(members,
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
        api_refuse(exchange->context->api, &exchange->request, failure, &exchange->response);
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
    uint64_t start_ns = clock_now_ns();
    enum body_result result = size ? connection_read(exchange->connection, exchange->context->watchdog,
                                                     deadline_ns(exchange), body, size)
                                   : BODY_COMPLETE;
    exchange->read_ms = clock_elapsed_ms(start_ns);
    if (result == BODY_TOO_SLOW)
        return failure_set(failure, STATUS_REQUEST_TIMEOUT,
                           "The body did not arrive within %.1f s, or stopped coming.",
                           exchange->context->body_timeout_ms / 1e3);
    if (result == BODY_CUT_OFF)
        return failure_set(failure, STATUS_BAD_REQUEST, "The body is shorter than its Content-Length.");
    exchange->request.body = (struct bytes){body, size};
    exchange->bytes_in = size;
    return STATUS_OK;
}

static bool is_probe(const struct api_request *request)
{
    return !strcmp(request->path, "/healthz") || !strcmp(request->path, "/readyz") ||
           !strcmp(request->path, "/metrics");
}

static void run(struct exchange *exchange)
{
    struct api_request *request = &exchange->request;
    struct failure failure = {0};
    size_t size = 0;
    const char *version = mg_get_request_info(exchange->connection)->http_version;
    enum status status = connection_head_is_strict(exchange->connection)
                             ? guard_check(request, version, &failure, &size)
                             : failure_set(&failure, STATUS_BAD_REQUEST,
                                           "The request's head has a line that is no header field.");
    if (!status && exchange->context->probes_only && !is_probe(request))
        status = failure_set(&failure, STATUS_NOT_FOUND, "Here are only /healthz, /readyz and /metrics.");
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
    api_record(exchange->context->api, &exchange->request, &exchange->response);
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
