/* The connections that hold a thread each: what every one waits for, and which is ended when no thread is
 * left for the next. Idle ones go first, then those that only take in what nobody reads, then the slowest.
 * One whose request is being worked on never goes. */
#ifndef CXRD_SERVER_REGISTRY_H
#define CXRD_SERVER_REGISTRY_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum activity {
    ACTIVITY_IDLE,      /* waits for the first byte of a request */
    ACTIVITY_LINGERING, /* was refused, and is still sending */
    ACTIVITY_READING,   /* of a head or a body */
    ACTIVITY_WRITING,
    ACTIVITY_WORKING /* the request is complete and its answer is not there yet */
};

struct registry;
/* For `seats` connections at once. Starts a thread. Fails with UNAVAILABLE when the system gives none. The
 * caller owns *out. */
WARN_UNUSED enum status registry_create(size_t seats, struct failure *failure, struct registry **out);
/* All connections must have left. */
void registry_destroy(struct registry **registry);

/* Takes a seat for a connection by its socket, which stays open until registry_leave. There is one, as long
 * as no more than `seats` are in. */
size_t registry_enter(struct registry *registry, int socket);
void registry_leave(struct registry *registry, size_t seat);
/* What the connection does from now on. One that was asked to leave no longer is. */
void registry_begin(struct registry *registry, size_t seat, enum activity activity);
/* It received or sent so many bytes. */
void registry_progress(struct registry *registry, size_t seat, size_t bytes);

/* Ends the slowest of the connections that send a request or take an answer and are old enough to be judged,
 * for the one in `seat`, which is short of what requests hold. False when that would be no other: nobody is
 * to be waited for. While one that was ended has not left yet, no further one is. */
bool registry_end_slower(struct registry *registry, size_t seat);
/* True when the connection was ended to make room for another. One that is being read is only asked to leave
 * by this: whoever reads from it looks now and then, and answers what it had begun. */
bool registry_was_ended(struct registry *registry, size_t seat);
/* Ends all connections, those that enter later too. */
void registry_end_all(struct registry *registry);

/* How many connections are in. */
size_t registry_taken(struct registry *registry);
/* False when for longer than a moment no thread was left for a further connection. */
bool registry_has_room(struct registry *registry);

#endif
