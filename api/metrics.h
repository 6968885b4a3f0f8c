/* What the service counts of itself, printed as Prometheus reads it (text exposition format 0.0.4).
 *
 * Counters only grow, and reading them resets nothing. Everything is a C11 atomic: any number of threads may
 * count and print at once. A print is no snapshot: what is counted meanwhile may be in one line and not in
 * the next, but a histogram's +Inf bucket always equals its count.
 */
#ifndef CXRD_API_METRICS_H
#define CXRD_API_METRICS_H

#include "api/api.h"
#include "engine/engine.h"

/* Why work was not done though it may have been well asked for. X(name, label) */
#define REJECTION_TABLE(X)          \
    X(LOADING, "loading")           \
    X(DRAINING, "draining")         \
    X(BUSY, "busy")                 \
    X(QUEUE_FULL, "queue_full")     \
    X(NO_ROOM, "no_room")           \
    X(UNAVAILABLE, "unavailable")   \
    X(DEVICE_LOST, "device_lost")   \
    X(NO_MEMORY, "out_of_memory")   \
    X(DEADLINE, "deadline")         \
    X(QUOTA, "quota")               \
    X(UNAUTHORIZED, "unauthorized") \
    X(FORBIDDEN, "forbidden")       \
    X(TOO_LARGE, "too_large")       \
    X(SLOW_BODY, "slow_body")

enum rejection {
#define REJECTION_ENUM(name, label) REJECTION_##name,
    REJECTION_TABLE(REJECTION_ENUM)
#undef REJECTION_ENUM
        REJECTION_COUNT
};

enum { METRICS_BYTES_MAX = 4 << 20 };

struct metrics;
/* Requests are counted under routes, whose pattern number i is pattern(i); what fits none is "other". */
struct metrics *metrics_create(size_t routes, const char *(*pattern)(size_t));
void metrics_destroy(struct metrics **metrics);
/* Prints what is taken of `budget` (borrowed), too. */
void metrics_watch_budget(struct metrics *metrics, const struct budget *budget);

/* An answer of this code, which took so long from the request's head to its last byte. */
void metrics_count_request(struct metrics *metrics, const char *route, int code, double duration_ms);
/* The stages of one request for predictions. */
void metrics_count_stages(struct metrics *metrics, const struct prediction_timing *timing);
void metrics_count_rejection(struct metrics *metrics, enum rejection rejection);
/* Requests for predictions being worked on: +1 and -1. */
void metrics_enter(struct metrics *metrics);
void metrics_leave(struct metrics *metrics);

/* Models or keys were to be loaded again, and were not. */
void metrics_count_failed_reload(struct metrics *metrics);

/* Prints all, with the engines' numbers added up in `engines`, into memory the caller releases with
 * buffer_finish. */
struct buffer metrics_print(const struct metrics *metrics, const struct engine_statistics *engines);

/* Appends how many connections there are and may be. */
void metrics_print_room(struct buffer *out, const struct api_room *room);
/* Appends which models serve. */
void metrics_print_models(struct buffer *out, struct engine *const *engines, size_t count);

#endif
