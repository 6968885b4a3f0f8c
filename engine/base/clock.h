/* Monotonic time. */
#ifndef CXRD_ENGINE_BASE_CLOCK_H
#define CXRD_ENGINE_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since some fixed moment; never goes back. */
uint64_t clock_now_ns(void);
/* Milliseconds from `since_ns` to now. */
double clock_elapsed_ms(uint64_t since_ns);

#endif
