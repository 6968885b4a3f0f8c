#include "server/exchange.h"

#include "engine/base/clock.h"
#include "server/body.h"
#include "server/response.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* Idle connections outlive a proxy's 60 s. */
enum { IDLE_MS = 75000, BUSY_PAUSE_MS = 25, UNREAD_BODY_BYTES_MAX = 64 << 10 };

struct exchange {
    const struct exchange_context *context;
    struct connection *connection;
    struct head head;
    struct api_request request;
    struct api_response response;
    bool reuse;   /* the connection may serve another request */
    bool lingers; /* it may be sending still what nobody will read */
    struct response_cost cost;
};

static uint64_t deadline_after(uint32_t ms)
{
    return clock_now_ns() + ms * UINT64_C(1000000);
}

static bool client_gone(void *client)
{
    return connection_gone(((struct exchange *)client)->connection);
}

/* The request takes over what is known of the head. */
static void fill_request(struct exchange *exchange)
{
    struct api_request *request = &exchange->request;
    request->method = exchange->head.method;
    request->path = exchange->head.path;
    request->query = exchange->head.query;
    request->headers = exchange->head.fields;
    request->header_count = exchange->head.field_count;
    request->received_ns = clock_now_ns();
    if (exchange->context->deadline_ms)
        request->deadline_ns = deadline_after(exchange->context->deadline_ms);
    request->gone = client_gone;
    request->client = exchange;
    api_request_identify(request);
    address_of_client(exchange->context->addresses, exchange->connection->socket, request,
                      exchange->cost.address);
}

/* Waits for a head; false when the connection ended, or stayed idle, before one had begun or was whole. A
 * head that is none is a failure, which is to be answered. */
static bool read_head(struct exchange *exchange, bool first, struct failure *failure)
{
    struct connection *connection = exchange->connection;
    uint32_t timeout_ms = exchange->context->head_timeout_ms;
    uint64_t deadline_ns = deadline_after(timeout_ms);
    size_t at = 0;
    if (first) {
        connection_begin(connection, ACTIVITY_READING);
        if (connection_receive(connection, deadline_ns) != RECEIPT_DONE)
            return false;
    } else if (!connection_pending(connection).size) {
        connection_begin(connection, ACTIVITY_IDLE);
        if (connection_receive(connection, deadline_after(IDLE_MS)) != RECEIPT_DONE)
            return false;
        deadline_ns = deadline_after(timeout_ms);
    }
    if (!first)
        connection_begin(connection, ACTIVITY_READING);
    for (;;) {
        struct bytes pending = connection_pending(connection);
        enum head_progress progress = head_scan(pending, &at);
        if (progress == HEAD_COMPLETE)
            break;
        if (progress == HEAD_MALFORMED)
            failure_set(
                failure, STATUS_BAD_REQUEST,
                "The request's head is malformed: it begins with no method, or has a line that does not "
                "end in CR LF.");
        else if (pending.size == HEAD_BYTES_MAX)
            failure_set(failure, STATUS_HEADERS_TOO_LARGE, "The request's head is too long: over %d KiB.",
                        HEAD_BYTES_MAX >> 10);
        if (failure->status)
            return true;
        enum receipt receipt = connection_receive(connection, deadline_ns);
        if (receipt == RECEIPT_ENDED && registry_was_ended(connection->registry, connection->seat)) {
            failure_set(failure, STATUS_NO_ROOM,
                        "The service needed room, and this head was the slowest to come; send it again.");
            return true;
        }
        if (receipt == RECEIPT_ENDED)
            return false;
        if (receipt == RECEIPT_LATE) {
            failure_set(failure, STATUS_REQUEST_TIMEOUT,
                        "The request's head is too slow: it did not arrive within "
                        "%.1f s.",
                        timeout_ms / 1e3);
            return true;
        }
    }
    char *text =
        arena_copy_text(exchange->request.arena, (const char *)connection_pending(connection).data, at);
    connection_take(connection, at);
    enum status status = head_parse(text, at, failure, &exchange->head);
    (void)status; /* the failure has it */
    return true;
}

static void send_response(struct exchange *exchange)
{
    const struct api_response *response = &exchange->response;
    exchange->reuse = exchange->reuse && !atomic_load(exchange->context->closing);
    struct buffer head = response_head(&exchange->request, response, exchange->reuse);
    struct bytes body = strcmp(exchange->request.method, "HEAD") ? response->body : (struct bytes){0};
    uint64_t start_ns = clock_now_ns();
    size_t unsent = connection_write(exchange->connection, deadline_after(exchange->context->body_timeout_ms),
                                     (struct bytes){head.data, head.size}, body);
    exchange->cost.bytes_out = body.size > unsent ? body.size - unsent : 0;
    exchange->reuse = exchange->reuse && !unsent;
    exchange->cost.write_ms = clock_elapsed_ms(start_ns);
    buffer_finish(&head);
}

/* Sends a refusal: the rest of the request stays unread, so the connection ends. */
static void refuse(struct exchange *exchange, const struct failure *failure)
{
    if (failure)
        api_refuse(exchange->context->api, &exchange->request, failure, &exchange->response);
    exchange->reuse = false;
    exchange->lingers = true;
    send_response(exchange);
}

static enum status read_body(struct exchange *exchange, struct failure *failure)
{
    const struct exchange_context *context = exchange->context;
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct bytes interim = {(const uint8_t *)go_on, sizeof go_on - 1};
    bool sends = !strcmp(exchange->request.method, "POST"); /* else nothing reads the body */
    const struct body_limits limits = {.bytes_max = sends ? API_BODY_BYTES_MAX : UNREAD_BODY_BYTES_MAX,
                                       .deadline_ns = deadline_after(context->body_timeout_ms),
                                       .timeout_ms = context->body_timeout_ms,
                                       .pause_ms = context->head_timeout_ms};
    if (exchange->head.expects_continue && exchange->head.framing != BODY_NONE)
        (void)connection_write(exchange->connection, limits.deadline_ns, interim, (struct bytes){0});
    connection_begin(exchange->connection, ACTIVITY_READING);
    uint64_t start_ns = clock_now_ns();
    enum status status = body_read(exchange->connection, &exchange->head, &limits, exchange->request.arena,
                                   failure, &exchange->request.body);
    exchange->cost.read_ms = clock_elapsed_ms(start_ns);
    exchange->cost.bytes_in = exchange->request.body.size;
    return status;
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

/* Answers a request whose head has been read. */
static void answer(struct exchange *exchange, struct failure *failure)
{
    struct api_request *request = &exchange->request;
    if (!failure->status && exchange->context->probes_only && !is_probe(request))
        failure_set(failure, STATUS_NOT_FOUND, "Here are only /healthz, /readyz and /metrics.");
    if (!failure->status && exchange->head.framing != BODY_NONE && memory_is_short())
        failure_set(
            failure, STATUS_OUT_OF_MEMORY,
            "The service is short of memory; try again in a moment, or send the request to another one.");
    if (failure->status) {
        refuse(exchange, failure);
        return;
    }
    if (!api_admit(exchange->context->api, request, &exchange->response)) {
        hold_back(&exchange->response);
        if (exchange->head.framing != BODY_NONE)
            refuse(exchange, NULL);
        else
            send_response(exchange);
        return;
    }
    if (read_body(exchange, failure)) {
        refuse(exchange, failure);
        return;
    }
    connection_begin(exchange->connection, ACTIVITY_WORKING);
    api_handle(exchange->context->api, request, &exchange->response);
    hold_back(&exchange->response);
    send_response(exchange);
    /* A further request is not to be answered. */
    exchange->lingers = !exchange->reuse && connection_pending(exchange->connection).size;
}

bool exchange_run(const struct exchange_context *context, struct connection *connection, bool first)
{
    struct failure failure = {0};
    struct exchange exchange = {
        .context = context, .connection = connection, .head = {.method = "", .path = ""}};
    exchange.request.arena = arena_create_within(context->budget);
    if (read_head(&exchange, first, &failure)) {
        atomic_fetch_add(context->in_flight, 1);
        fill_request(&exchange);
        exchange.reuse = exchange.head.keeps_connection;
        answer(&exchange, &failure);
        response_log(&exchange.request, &exchange.response, &exchange.cost);
        api_record(context->api, &exchange.request, &exchange.response);
        atomic_fetch_sub(context->in_flight, 1);
    }
    api_response_finish(&exchange.response);
    arena_destroy(&exchange.request.arena); /* others need it, while this one goes on sending */
    if (exchange.lingers)
        connection_linger(connection);
    return exchange.reuse;
}
