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

/* Whether a sanitizer is at work in this program, with threads, memory and descriptors of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PROCESS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PROCESS_SANITIZED 1
#endif
#endif
#ifndef PROCESS_SANITIZED
#define PROCESS_SANITIZED 0
#endif

#endif
