/* How long whoever asked goes on waiting for an answer. */
#ifndef CXRD_ENGINE_BASE_PATIENCE_H
#define CXRD_ENGINE_BASE_PATIENCE_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct patience {
    uint64_t deadline_ns;       /* on clock_now_ns; 0: none */
    bool (*gone)(void *client); /* asked now and then, without locks: nobody waits for an answer; or NULL */
    void *client;
};

/* To be asked between pieces of long work. Fails with CLIENT_GONE, or with TIMEOUT past the deadline:
 * "The request's deadline passed while DOING." NULL waits for ever. */
WARN_UNUSED enum status patience_check(const struct patience *patience, const char *doing,
                                       struct failure *failure);

#endif
