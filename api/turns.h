/* Turns at work of which little is done at once: who has waited longest goes next.
 *
 * Drawing pictures needs cores and nothing else, and predictions need them too: what is drawn waits here, not
 * at the gate.
 */
#ifndef CXRD_API_TURNS_H
#define CXRD_API_TURNS_H

#include "engine/base/patience.h"

#include <pthread.h>
#include <stddef.h>

struct turn;
struct turns {
    pthread_mutex_t lock;
    size_t free;               /* turns nobody has; 0 while anybody waits */
    struct turn *first, *last; /* who waits */
};
/* `count` at once, at least 1. */
void turns_init(struct turns *turns, size_t count);
/* Nobody may have a turn or wait. */
void turns_finish(struct turns *turns);

/* Waits for a turn, to be followed by turns_return. Fails with TIMEOUT, CLIENT_GONE. Both are thread-safe. */
WARN_UNUSED enum status turns_take(struct turns *turns, const struct patience *patience,
                                   struct failure *failure);
void turns_return(struct turns *turns);

#endif
