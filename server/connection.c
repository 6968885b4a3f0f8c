#include "server/connection.h"

#include "engine/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

enum {
    LINGER_BYTES_MAX = 64 << 20,
    LINGER_MS_MAX = 10000,
    LOOK_MS = 100 /* between two looks at whether it is to leave */
};

void connection_init(struct connection *connection, int socket, struct registry *registry)
{
    connection->socket = socket;
    connection->registry = registry;
    connection->seat = registry_enter(registry, socket);
    connection->activity = ACTIVITY_READING; /* as who enters begins */
    connection->start = connection->end = 0;
}

void connection_begin(struct connection *connection, enum activity activity)
{
    connection->activity = activity;
    registry_begin(connection->registry, connection->seat, activity);
}

void connection_finish(struct connection *connection)
{
    registry_leave(connection->registry, connection->seat);
}

/* Waits until the socket is ready for `events`; false when the deadline is first. */
static bool wait_for(int socket, short events, uint64_t deadline_ns)
{
    struct pollfd ready = {.fd = socket, .events = events};
    int count;
    do {
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return false; /* even if bytes keep coming */
        uint64_t left_ns = deadline_ns - now_ns;
        struct timespec left = {(time_t)(left_ns / 1000000000), (long)(left_ns % 1000000000)};
        count = ppoll(&ready, 1, &left, NULL);
    } while (count < 0 && errno == EINTR);
    return count > 0;
}

static bool again(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* Waits until there is something to receive, or the connection is to leave: who reads a request is asked to,
 * the socket of others is shut. */
static enum receipt wait_to_receive(const struct connection *connection, uint64_t deadline_ns)
{
    bool looks = connection->activity == ACTIVITY_READING;
    for (;;) {
        uint64_t look_ns = clock_now_ns() + LOOK_MS * UINT64_C(1000000);
        bool last = !looks || deadline_ns <= look_ns;
        if (looks && registry_was_ended(connection->registry, connection->seat))
            return RECEIPT_ENDED;
        if (wait_for(connection->socket, POLLIN, last ? deadline_ns : look_ns))
            return RECEIPT_DONE;
        if (last)
            return RECEIPT_LATE;
    }
}

/* Receives at least a byte, at most `capacity`; *size: how many. */
static enum receipt receive(struct connection *connection, uint64_t deadline_ns, uint8_t *out,
                            size_t capacity, size_t *size)
{
    ssize_t got;
    do {
        enum receipt receipt = wait_to_receive(connection, deadline_ns);
        if (receipt != RECEIPT_DONE)
            return receipt;
        got = recv(connection->socket, out, capacity, MSG_DONTWAIT);
    } while (again(got));
    if (got <= 0)
        return RECEIPT_ENDED;
    registry_progress(connection->registry, connection->seat, (size_t)got);
    *size = (size_t)got;
    return RECEIPT_DONE;
}

enum receipt connection_receive(struct connection *connection, uint64_t deadline_ns)
{
    size_t pending = connection->end - connection->start, size = 0;
    assert(pending < sizeof connection->received);
    memmove(connection->received, connection->received + connection->start, pending);
    connection->start = 0;
    connection->end = pending;
    enum receipt receipt = receive(connection, deadline_ns, connection->received + pending,
                                   sizeof connection->received - pending, &size);
    connection->end += size;
    return receipt;
}

enum receipt connection_read(struct connection *connection, uint64_t deadline_ns, uint32_t pause_ms,
                             uint8_t *out, size_t size)
{
    for (;;) {
        struct bytes pending = connection_pending(connection);
        size_t step = pending.size < size ? pending.size : size;
        memcpy(out, pending.data, step);
        connection_take(connection, step);
        out += step;
        size -= step;
        if (!size)
            return RECEIPT_DONE;
        uint64_t pause_ns = clock_now_ns() + pause_ms * UINT64_C(1000000);
        uint64_t until_ns = pause_ns < deadline_ns ? pause_ns : deadline_ns;
        /* What is large goes where it belongs; for what is small, more is received at once. */
        size_t got = 0;
        enum receipt receipt = size > sizeof connection->received
                                   ? receive(connection, until_ns, out, size, &got)
                                   : connection_receive(connection, until_ns);
        if (receipt != RECEIPT_DONE)
            return receipt;
        out += got;
        size -= got;
    }
}

size_t connection_write(struct connection *connection, uint64_t deadline_ns, struct bytes head,
                        struct bytes body)
{
    struct iovec parts[2] = {{(void *)head.data, head.size}, {(void *)body.data, body.size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    connection_begin(connection, ACTIVITY_WRITING);
    while (parts[0].iov_len + parts[1].iov_len) {
        ssize_t sent = sendmsg(connection->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (again(sent)) {
            if (!wait_for(connection->socket, POLLOUT, deadline_ns))
                break;
            continue;
        }
        if (sent < 0)
            break;
        registry_progress(connection->registry, connection->seat, (size_t)sent);
        for (int i = 0; i < 2; i++) {
            size_t step = (size_t)sent < parts[i].iov_len ? (size_t)sent : parts[i].iov_len;
            if (!step) /* a part may be nothing, and nowhere */
                continue;
            parts[i].iov_base = (uint8_t *)parts[i].iov_base + step;
            parts[i].iov_len -= step;
            sent -= (ssize_t)step;
        }
    }
    return parts[0].iov_len + parts[1].iov_len;
}

bool connection_gone(const struct connection *connection)
{
    struct pollfd ready = {.fd = connection->socket, .events = POLLRDHUP};
    return poll(&ready, 1, 0) > 0;
}

void connection_linger(struct connection *connection)
{
    uint64_t deadline_ns = clock_now_ns() + LINGER_MS_MAX * UINT64_C(1000000);
    connection_begin(connection, ACTIVITY_LINGERING);
    shutdown(connection->socket, SHUT_WR);
    for (size_t taken = 0, size = 0; taken < LINGER_BYTES_MAX; taken += size)
        if (receive(connection, deadline_ns, connection->received, sizeof connection->received, &size))
            return;
}
