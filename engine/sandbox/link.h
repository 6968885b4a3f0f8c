/* The pool's side of the template process and of the children's sockets. Private to engine/sandbox. */
#ifndef CXRD_ENGINE_SANDBOX_LINK_H
#define CXRD_ENGINE_SANDBOX_LINK_H

#include "engine/sandbox/child.h"

#include <pthread.h>
#include <stdatomic.h>

struct link {
    pthread_mutex_t lock; /* one order at a time */
    int control;
    pid_t template;
    _Atomic bool lost; /* the template is gone or does not answer */
};

/* Forks the template; `plan` is what it and its children see of it from then on. Fails with UNAVAILABLE. */
WARN_UNUSED enum status link_init(struct link *link, const struct plan *plan, struct failure *failure);
/* Ends the template and all children. */
void link_finish(struct link *link);

/* A child as the pool knows it. */
struct child {
    int channel;   /* -1: there is none */
    pid_t process; /* its number is nobody else's until the slot's child is renewed */
};

/* Ends the slot's child, whatever it is doing (`dying`: unless it does so by itself), and waits for another
 * to be ready; *child is closed and then that one, or none on failure: when none is ready by deadline_ns (0:
 * none), or in 20 s. *before (may be NULL) is how the one before ended, written where the template answers.
 * Fails with UNAVAILABLE. Thread-safe.
 */
WARN_UNUSED enum status link_renew(struct link *link, size_t slot, bool dying, uint64_t deadline_ns,
                                   struct failure *failure, struct child *child, struct delivery *before);
/* The processor time that a child has used; where the kernel does not tell, the time on the clock. */
uint64_t child_work_ns(const struct child *child);

/* True while a child waits for a job at the other end. */
bool channel_is_idle(int channel);

enum reply {
    REPLY_GIVEN,  /* *out is valid in form; what it says is the child's word */
    REPLY_LATE,   /* nothing came until then */
    REPLY_SPENT,  /* nothing came for all the processor time it was given; channel_wait never says so */
    REPLY_DIED,   /* the child died while it was at the job */
    REPLY_WRONG,  /* it said what makes no sense */
    REPLY_UNREAD, /* the child died before it read the job */
};
enum reply channel_wait(int channel, uint64_t until_ns, struct outcome *out);

#endif
