/* The door to the engines: how many requests are worked on at once.
 *
 * What is let in beyond the work that keeps every device busy is answered no sooner: it only waits, and what
 * comes after it waits longer, until nobody is answered in time. So a request that finds the limit reached is
 * refused at once, and those let in take about as long as under a load that can just be served. A burst is no
 * overload: for a while after an idle moment twice as many are let in.
 */
#ifndef CXRD_API_GATE_H
#define CXRD_API_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GATE_BURST_MS = 200 };

struct gate {
    pthread_mutex_t lock;
    size_t limit, inside; /* requests */
    uint32_t burst_ms;
    uint64_t burst_over_ns; /* on clock_now_ns */
};
/* `burst_ms`: how long twice as many are let in after an idle moment. */
void gate_init(struct gate *gate, size_t limit, uint32_t burst_ms);
/* Nobody may be inside. */
void gate_finish(struct gate *gate);

/* All below are thread-safe. A lower limit sends nobody out. */
void gate_set_limit(struct gate *gate, size_t limit);
size_t gate_limit(struct gate *gate);
/* Whether gate_enter would let a request in now. */
bool gate_is_open(struct gate *gate);
/* True when it is in, to be followed by gate_leave. */
bool gate_enter(struct gate *gate);
/* One more for who is inside, however full it is: what comes later finds it so much fuller. As after
 * gate_enter, gate_leave follows. */
void gate_add(struct gate *gate);
void gate_leave(struct gate *gate);

#endif
