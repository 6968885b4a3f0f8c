#include "server/response.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOG_MEMBERS_BYTES = 1024, RESPONSE_HEAD_BYTES_MAX = 8192, HEAD_LINE_BYTES = 512 };

static const char *reason(const struct api_response *response)
{
    static const char *const titles[] = {
#define TITLE(name, code, title) title,
        STATUS_TABLE(TITLE)
#undef TITLE
    };
    switch (response->code) {
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    default:
        return titles[response->status];
    }
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

struct buffer response_head(const struct api_request *request, const struct api_response *response,
                            bool reuse)
{
    struct buffer head = {.maximum = RESPONSE_HEAD_BYTES_MAX};
    char trace[TRACE_PARENT_BYTES];
    trace_print(&request->trace, trace);
    add_line(&head, "HTTP/1.1 %d %s", response->code, reason(response));
    if (response->content_type)
        add_line(&head, "Content-Type: %s", response->content_type);
    if (response->code != 204 && response->code != 304)
        add_line(&head, "Content-Length: %zu", response->body.size);
    if (response->allow)
        add_line(&head, "Allow: %s", response->allow);
    if (response->retry_after_s)
        add_line(&head, "Retry-After: %d", response->retry_after_s);
    for (size_t i = 0; i < response->header_count; i++)
        add_line(&head, "%s: %s", response->headers[i].name, response->headers[i].value);
    add_line(&head, "X-Request-Id: %s", request->id);
    add_line(&head, "traceparent: %s", trace);
    add_line(&head, "Cache-Control: %s", response->may_be_kept ? "no-cache" : "no-store");
    add_line(&head, "X-Content-Type-Options: nosniff");
    add_line(&head, "Connection: %s", reuse ? "keep-alive" : "close");
    buffer_append(&head, "\r\n", 2);
    return head;
}

static void PRINTF_LIKE(2, 3) add_members(char members[LOG_MEMBERS_BYTES], const char *format, ...)
{
    size_t used = strlen(members);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(members + used, LOG_MEMBERS_BYTES - used, format, arguments);
    va_end(arguments);
}

void response_log(const struct api_request *request, const struct api_response *response,
                  const struct response_cost *cost)
{
    char members[LOG_MEMBERS_BYTES] = "";
    add_members(members, "\"id\":\"%s\",\"trace\":\"%s\",\"span\":\"%s\"", request->id, request->trace.id,
                request->trace.span);
    if (*request->trace.parent)
        add_members(members, ",\"parent\":\"%s\"", request->trace.parent);
    if (*request->key_name)
        add_members(members, ",\"client\":\"%s\"", request->key_name);
    if (*cost->address)
        add_members(members, ",\"address\":\"%s\"", cost->address);
    add_members(members, ",\"method\":\"%.8s\",\"route\":\"%s\",\"code\":%d", request->method,
                response->route, response->code);
    if (response->status != STATUS_OK)
        add_members(members, ",\"status\":\"%s\"", status_name(response->status));
    add_members(members, ",\"bytes_in\":%zu,\"bytes_out\":%zu,\"ms\":%.3f,\"read_ms\":%.3f,\"write_ms\":%.3f",
                cost->bytes_in, cost->bytes_out, clock_elapsed_ms(request->received_ns), cost->read_ms,
                cost->write_ms);
    if (response->images)
        add_members(
            members,
            ",\"images\":%zu,\"failed\":%zu,\"decode_ms\":%.3f,\"preprocess_ms\":%.3f,\"queue_ms\":%.3f,"
            "\"inference_ms\":%.3f",
            response->images, response->images_failed, response->timing.decode_ms,
            response->timing.preprocess_ms, response->timing.queue_ms, response->timing.inference_ms);
    log_event(LOG_INFO, "request", members);
}
