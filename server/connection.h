/* A client's connection: bytes in and out, each step with the moment by which it must have happened. */
#ifndef CXRD_SERVER_CONNECTION_H
#define CXRD_SERVER_CONNECTION_H

#include "engine/base/memory.h"
#include "server/head.h"
#include "server/registry.h"

struct connection {
    int socket; /* borrowed */
    struct registry *registry;
    size_t seat;            /* in the registry */
    enum activity activity; /* as the registry knows it */
    size_t start, end;      /* of what has arrived and was not taken yet */
    uint8_t received[HEAD_BYTES_MAX];
};

/* Takes a seat in `registry`, which outlives the connection. */
void connection_init(struct connection *connection, int socket, struct registry *registry);
/* Leaves the seat. */
void connection_finish(struct connection *connection);

/* What the connection does from now on. */
void connection_begin(struct connection *connection, enum activity activity);

/* What has arrived and was not taken yet. */
static inline struct bytes connection_pending(const struct connection *connection)
{
    return (struct bytes){connection->received + connection->start, connection->end - connection->start};
}
static inline void connection_take(struct connection *connection, size_t size)
{
    connection->start += size;
}

enum receipt { RECEIPT_DONE, RECEIPT_LATE, RECEIPT_ENDED };
/* Waits for more than is pending, of which less than HEAD_BYTES_MAX bytes. Deadlines are on clock_now_ns. */
enum receipt connection_receive(struct connection *connection, uint64_t deadline_ns);
/* Takes exactly `size` bytes, all of which must arrive before the deadline, and none later than pause_ms
 * after the one before. */
enum receipt connection_read(struct connection *connection, uint64_t deadline_ns, uint32_t pause_ms,
                             uint8_t *out, size_t size);
/* Sends both before the deadline. Returns how many bytes did not leave: some when the client is gone or too
 * slow. */
size_t connection_write(struct connection *connection, uint64_t deadline_ns, struct bytes head,
                        struct bytes body);

/* Whether the client has closed its connection, or its sending side: who does so before the answer is there
 * is taken not to wait for it. */
bool connection_gone(const struct connection *connection);

/* Ends the sending side and takes in what the client goes on sending until it has read its answer and closes,
 * at most 64 MiB for at most 10 s: a reset would else overtake the answer. */
void connection_linger(struct connection *connection);

#endif
