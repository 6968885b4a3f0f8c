#include "server/body.h"

#include "engine/base/hex.h"

#include <string.h>
#include <time.h>

/* FIRST_BYTES: of memory for a body before any of it is there. A chunk's size has 8 digits at most. */
enum { FIRST_BYTES = 64 << 10, CHUNK_DIGITS_MAX = 8, ROOM_TRIES = 25, ROOM_PAUSE_MS = 20 };

struct reading {
    struct connection *connection;
    const struct body_limits *limits;
    struct arena *arena;
    struct buffer *out; /* its maximum: what the body can come to */
};

/* Makes the buffer hold `size` bytes. Where requests hold all they may, a slower one that is still being sent
 * gives way, and what it held is waited for. */
static enum status grow(struct reading *reading, size_t size, struct failure *failure)
{
    struct buffer *out = reading->out;
    void *data = out->data;
    enum status status = arena_grow(reading->arena, size, failure, &data);
    for (int try = 0; status == STATUS_NO_ROOM && try < ROOM_TRIES; try++) {
        if (!registry_end_slower(reading->connection->registry, reading->connection->seat))
            break;
        nanosleep(&(struct timespec){.tv_nsec = ROOM_PAUSE_MS * 1000000}, NULL);
        status = arena_grow(reading->arena, size, failure, &data);
    }
    if (status)
        return status;
    out->data = data;
    out->capacity = size;
    return STATUS_OK;
}

/* Reads exactly `size` bytes. */
static enum status read_exactly(struct reading *reading, uint8_t *to, size_t size, struct failure *failure)
{
    enum receipt receipt = connection_read(reading->connection, reading->limits->deadline_ns,
                                           reading->limits->pause_ms, to, size);
    if (receipt == RECEIPT_LATE)
        return failure_set(failure, STATUS_REQUEST_TIMEOUT,
                           "The body did not arrive within %g s, or nothing of it for %g s.",
                           reading->limits->timeout_ms / 1e3, reading->limits->pause_ms / 1e3);
    if (receipt == RECEIPT_ENDED &&
        registry_was_ended(reading->connection->registry, reading->connection->seat))
        return failure_set(failure, STATUS_NO_ROOM,
                           "The service needed room, and this body was the slowest to come; send it again.");
    if (receipt == RECEIPT_ENDED)
        return failure_set(failure, STATUS_BAD_REQUEST, "The body ended before all of it had arrived.");
    return STATUS_OK;
}

/* Reads `size` bytes more, in steps that double what is held, never beyond what the body can come to. */
static enum status read_bytes(struct reading *reading, size_t size, struct failure *failure)
{
    struct buffer *out = reading->out;
    enum status status = STATUS_OK;
    while (size && !status) {
        if (out->size == out->capacity) {
            size_t step = out->size > FIRST_BYTES ? out->size : FIRST_BYTES, left = out->maximum - out->size;
            status = grow(reading, out->size + (step < left ? step : left), failure);
            if (status)
                return status;
        }
        size_t room = out->capacity - out->size, step = room < size ? room : size;
        status = read_exactly(reading, out->data + out->size, step, failure);
        out->size += status ? 0 : step;
        size -= step;
    }
    return status;
}

static enum status bad_chunk(struct failure *failure)
{
    return failure_set(failure, STATUS_BAD_REQUEST,
                       "The body's chunks are malformed; extensions and trailers are not taken.");
}

/* Takes the two bytes that end a line. */
static enum status read_line_end(struct reading *reading, struct failure *failure)
{
    uint8_t end[2];
    enum status status = read_exactly(reading, end, sizeof end, failure);
    return status ? status : memcmp(end, "\r\n", 2) ? bad_chunk(failure) : STATUS_OK;
}

/* A chunk's size: hexadecimal digits, then the end of the line. */
static enum status read_chunk_size(struct reading *reading, struct failure *failure, size_t *out)
{
    size_t size = 0;
    int digits = 0;
    uint8_t byte = 0;
    enum status status = read_exactly(reading, &byte, 1, failure);
    for (; !status && hex_value((char)byte) >= 0 && digits < CHUNK_DIGITS_MAX; digits++) {
        size = size << 4 | (size_t)hex_value((char)byte);
        status = read_exactly(reading, &byte, 1, failure);
    }
    if (!status && (!digits || byte != '\r'))
        status = bad_chunk(failure);
    if (!status)
        status = read_exactly(reading, &byte, 1, failure);
    if (!status && byte != '\n')
        status = bad_chunk(failure);
    *out = size;
    return status;
}

static enum status refuse_large(const struct body_limits *limits, struct failure *failure)
{
    return failure_set(failure, STATUS_TOO_LARGE,
                       "The body is over %zu KiB, which is all that this request may have.",
                       limits->bytes_max >> 10);
}

static enum status read_chunks(struct reading *reading, struct failure *failure)
{
    for (;;) {
        size_t size = 0;
        enum status status = read_chunk_size(reading, failure, &size);
        if (!status && size > reading->limits->bytes_max - reading->out->size)
            status = refuse_large(reading->limits, failure);
        if (!status)
            status = read_bytes(reading, size, failure);
        if (!status)
            status = read_line_end(reading, failure);
        if (status || !size)
            return status;
    }
}

enum status body_read(struct connection *connection, const struct head *head,
                      const struct body_limits *limits, struct arena *arena, struct failure *failure,
                      struct bytes *out)
{
    static const uint8_t nothing;
    bool chunked = head->framing == BODY_CHUNKED;
    struct buffer buffer = {.maximum = chunked ? limits->bytes_max : head->body_bytes};
    struct reading reading = {connection, limits, arena, &buffer};
    enum status status = chunked ? read_chunks(&reading, failure)
                         : head->body_bytes > limits->bytes_max
                             ? refuse_large(limits, failure)
                             : read_bytes(&reading, head->body_bytes, failure);
    *out = (struct bytes){buffer.data ? buffer.data : &nothing, buffer.size};
    return status;
}
