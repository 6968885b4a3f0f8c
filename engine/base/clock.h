/* Monotonic time, and waiting by it. */
#ifndef CXRD_ENGINE_BASE_CLOCK_H
#define CXRD_ENGINE_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>

/* Nanoseconds since some fixed moment; never goes back. */
uint64_t clock_now_ns(void);
/* Milliseconds from `since_ns` to now. */
double clock_elapsed_ms(uint64_t since_ns);

/* A condition for clock_wait. The caller destroys it. */
void clock_condition_init(pthread_cond_t *condition);
/* Waits for a signal with the mutex held, at most until `until_ns` on clock_now_ns (UINT64_MAX: for ever).
 * May return earlier. */
void clock_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t until_ns);

#endif
