#include "server/exchange.h"

#include "engine/base/clock.h"
#include "server/connection.h"
#include "server/guard.h"
#include "server/response.h"

#include <civetweb.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { BUSY_PAUSE_MS = 25 };

struct exchange {
    const struct exchange_context *context;
    struct mg_connection *connection;
    struct api_request request;
    struct api_response response;
    bool reuse; /* the connection may serve another request */
    struct response_cost cost;
};

static uint64_t deadline_ns(const struct exchange *exchange)
{
    return clock_now_ns() + (uint64_t)exchange->context->body_timeout_ms * 1000000;
}

static bool client_gone(void *client)
{
    struct exchange *exchange = client;
    int socket = connection_socket(exchange->connection);
    return socket < 0 || connection_gone(socket);
}

static void exchange_init(struct exchange *exchange, const struct exchange_context *context,
                          struct mg_connection *connection)
{
    *exchange = (struct exchange){.context = context, .connection = connection};
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

static void send_response(struct exchange *exchange)
{
    const struct api_response *response = &exchange->response;
    struct buffer head = response_head(&exchange->request, response, exchange->reuse);
    struct bytes body = strcmp(exchange->request.method, "HEAD") ? response->body : (struct bytes){0};
    exchange->cost.bytes_out = body.size;
    uint64_t start_ns = clock_now_ns();
    if (!connection_write(exchange->connection, exchange->context->watchdog, deadline_ns(exchange),
                          (struct bytes){head.data, head.size}, body))
        exchange->reuse = false;
    exchange->cost.write_ms = clock_elapsed_ms(start_ns);
    buffer_finish(&head);
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
    exchange->cost.read_ms = clock_elapsed_ms(start_ns);
    if (result == BODY_TOO_SLOW)
        return failure_set(failure, STATUS_REQUEST_TIMEOUT,
                           "The body did not arrive within %.1f s, or stopped coming.",
                           exchange->context->body_timeout_ms / 1e3);
    if (result == BODY_CUT_OFF)
        return failure_set(failure, STATUS_BAD_REQUEST, "The body is shorter than its Content-Length.");
    exchange->request.body = (struct bytes){body, size};
    exchange->cost.bytes_in = size;
    return STATUS_OK;
}

/* Who asks again as soon as it is refused would else take the cores from the work. */
static void hold_back(const struct api_response *response)
{
    if (response->status == STATUS_BUSY)
        nanosleep(&(struct timespec){.tv_nsec = BUSY_PAUSE_MS * 1000000}, NULL);
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
        hold_back(&exchange->response);
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
    hold_back(&exchange->response);
    send_response(exchange);
}

static void exchange_finish(struct exchange *exchange)
{
    response_log(&exchange->request, &exchange->response, &exchange->cost);
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
