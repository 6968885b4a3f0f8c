/* What this process takes of the system. */
#ifndef CXRD_ENGINE_BASE_PROCESS_H
#define CXRD_ENGINE_BASE_PROCESS_H

#include <stddef.h>

struct process_usage {
    size_t descriptors, descriptors_max; /* open now; that may be */
    size_t resident_bytes;
};
/* Of now; 0 where the system does not tell (no /proc). Thread-safe. */
struct process_usage process_usage(void);

#endif
