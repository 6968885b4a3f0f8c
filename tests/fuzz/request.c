/* Fuzzes what comes over a connection: a head, and the body behind it, of a size or in chunks. */
#include "engine/base/clock.h"
#include "server/body.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was promised of a head that is taken: nothing in it could be read as more than one. */
static void check_head(const struct head *head, const char *text, size_t size)
{
    size_t lengths = 0, codings = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        lengths += !strcasecmp(head->fields[i].name, "Content-Length");
        codings += !strcasecmp(head->fields[i].name, "Transfer-Encoding");
        if (!*head->fields[i].name || strpbrk(head->fields[i].name, " \t:\r\n") ||
            strpbrk(head->fields[i].value, "\r\n"))
            abort();
    }
    if (lengths + codings > 1 || (head->framing == BODY_CHUNKED) != (codings == 1) || head->path[0] != '/' ||
        head->body_bytes > API_BODY_BYTES_MAX)
        abort();
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\n' && (!i || text[i - 1] != '\r'))
            abort();
}

/* Reads the body from a connection that holds it all and has ended. */
static void read_body(const struct head *head, struct bytes rest)
{
    static struct registry *registry;
    static struct connection connection;
    struct failure failure = {0};
    int pair[2];
    if ((!registry && registry_create(1, &failure, &registry)) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        abort();
    connection_init(&connection, pair[0], registry);
    connection.end = rest.size < sizeof connection.received ? rest.size : sizeof connection.received;
    memcpy(connection.received, rest.data, connection.end);
    close(pair[1]);
    const struct body_limits limits = {API_BODY_BYTES_MAX, clock_now_ns() + 1000000000, 1000, 1000};
    struct arena *arena = arena_create();
    struct bytes body;
    if (!body_read(&connection, head, &limits, arena, &failure, &body)) {
        if (head->framing == BODY_SIZED && body.size != head->body_bytes)
            abort();
        if (body.size > rest.size || (body.size && !memmem(rest.data, rest.size, body.data, 1)))
            abort();
    }
    arena_destroy(&arena);
    connection_finish(&connection);
    close(pair[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes received = {data, size};
    size_t at = 0;
    if (head_scan(received, &at) != HEAD_COMPLETE || at > HEAD_BYTES_MAX)
        return 0;
    /* The head ends at the same place however its bytes come. */
    size_t half = 0;
    if (head_scan((struct bytes){data, at / 2}, &half) != HEAD_INCOMPLETE ||
        head_scan(received, &half) != HEAD_COMPLETE || half != at)
        abort();
    struct arena *arena = arena_create();
    struct failure failure = {0};
    struct head head;
    char *text = arena_copy_text(arena, (const char *)data, at);
    if (!head_parse(text, at, &failure, &head)) {
        check_head(&head, (const char *)data, at);
        if (head.framing != BODY_NONE)
            read_body(&head, (struct bytes){data + at, size - at});
    } else if (!*failure.sentence) {
        abort();
    }
    arena_destroy(&arena);
    return 0;
}
