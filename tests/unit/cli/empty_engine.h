/* An engine in the engine's place that computes nothing: an image is a file with a number in it, and the
 * number is its answer. For tests of what the commands do around it. */
#ifndef CXRD_TESTS_UNIT_CLI_EMPTY_ENGINE_H
#define CXRD_TESTS_UNIT_CLI_EMPTY_ENGINE_H

#include <stddef.h>
#include <stdint.h>

/* The only finding's logit is the image's number, and so is each value of its class token. A float holds
 * those up to 2^24. */
enum { EMPTY_WIDTH = 4 };

/* Has this process killed by SIGKILL in so many nanoseconds, wherever it is then. */
void empty_kill_after(uint64_t ns);

/* What the engine counts, in memory that processes share. */
struct empty_engine {
    _Atomic uint64_t images;              /* answered */
    _Atomic uint64_t work_ns, work_count; /* from the first answer to the end, of those that came to it */
};
/* `kill_ns`: empty_kill_after, counted from the first answer; 0: not. */
void empty_engine_begin(struct empty_engine *shared, uint64_t kill_ns);
/* The command has come to its end. */
void empty_engine_end(void);

#endif
