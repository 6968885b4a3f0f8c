#include "api/metrics.h"

#include "engine/base/log.h"
#include "engine/base/process.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Upper bounds of the buckets of every duration; one more holds the rest. */
static const double bounds_s[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
enum { BOUNDS = sizeof bounds_s / sizeof *bounds_s, BUCKETS = BOUNDS + 1, LINE_BYTES = 256 };

struct histogram {
    _Atomic uint64_t buckets[BUCKETS]; /* not cumulative */
    _Atomic uint64_t sum_us;
};

static const struct {
    const char *name;
    size_t offset; /* of its milliseconds in struct prediction_timing */
} stages[] = {{"decode", offsetof(struct prediction_timing, decode_ms)},
              {"preprocess", offsetof(struct prediction_timing, preprocess_ms)},
              {"queue", offsetof(struct prediction_timing, queue_ms)},
              {"inference", offsetof(struct prediction_timing, inference_ms)}};
enum { STAGES = sizeof stages / sizeof *stages };

/* Every code an answer can have. Statuses share some: a code counts in its first column. */
static const int codes[] = {
#define CODE_OF(name, code, title) code,
    STATUS_TABLE(CODE_OF)
#undef CODE_OF
        204, /* of OPTIONS */
    304,     /* of a page's file that a browser has */
};
enum { CODES = sizeof codes / sizeof *codes };

static const char *const rejections[] = {
#define REJECTION_LABEL(name, label) label,
    REJECTION_TABLE(REJECTION_LABEL)
#undef REJECTION_LABEL
};

struct metrics {
    size_t route_count;
    const char *(*pattern)(size_t);
    struct histogram (*requests)[CODES]; /* [routes and one for the rest] */
    struct histogram stages[STAGES];
    _Atomic uint64_t rejections[REJECTION_COUNT];
    _Atomic int64_t inflight;
    _Atomic uint64_t failed_reloads;
    time_t start_time;
    const struct budget *budget; /* NULL: none */
};

struct metrics *metrics_create(size_t routes, const char *(*pattern)(size_t))
{
    struct metrics *metrics = memory_allocate(1, sizeof *metrics);
    metrics->route_count = routes;
    metrics->pattern = pattern;
    metrics->start_time = time(NULL);
    metrics->requests = memory_allocate(routes + 1, sizeof *metrics->requests);
    return metrics;
}

void metrics_destroy(struct metrics **metrics)
{
    if (!metrics || !*metrics)
        return;
    free((*metrics)->requests);
    free(*metrics);
    *metrics = NULL;
}

void metrics_watch_budget(struct metrics *metrics, const struct budget *budget)
{
    metrics->budget = budget;
}

static void observe(struct histogram *histogram, double ms)
{
    size_t i = 0;
    while (i < BOUNDS && ms / 1e3 > bounds_s[i])
        i++;
    atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, (uint64_t)(ms > 0 ? ms * 1e3 : 0), memory_order_relaxed);
}

void metrics_count_request(struct metrics *metrics, const char *route, int code, double duration_ms)
{
    size_t row = 0, column = 0;
    while (row < metrics->route_count && strcmp(metrics->pattern(row), route))
        row++;
    while (column < CODES && codes[column] != code)
        column++;
    assert(column < CODES);
    observe(&metrics->requests[row][column], duration_ms);
}

void metrics_count_stages(struct metrics *metrics, const struct prediction_timing *timing)
{
    for (size_t i = 0; i < STAGES; i++)
        observe(&metrics->stages[i], *(const double *)((const char *)timing + stages[i].offset));
}

void metrics_count_rejection(struct metrics *metrics, enum rejection rejection)
{
    atomic_fetch_add_explicit(&metrics->rejections[rejection], 1, memory_order_relaxed);
}

void metrics_enter(struct metrics *metrics)
{
    atomic_fetch_add_explicit(&metrics->inflight, 1, memory_order_relaxed);
}

void metrics_leave(struct metrics *metrics)
{
    atomic_fetch_sub_explicit(&metrics->inflight, 1, memory_order_relaxed);
}

void metrics_count_failed_reload(struct metrics *metrics)
{
    atomic_fetch_add_explicit(&metrics->failed_reloads, 1, memory_order_relaxed);
}

static void PRINTF_LIKE(2, 3) print(struct buffer *out, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    bool fits = length < LINE_BYTES && buffer_append(out, line, (size_t)length);
    assert(fits); /* routes and labels are few and short */
    (void)fits;
}

static void print_family(struct buffer *out, const char *name, const char *type, const char *help)
{
    print(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* `labels` is the inside of the braces and not empty; a histogram that counted nothing is left out. */
static void print_durations(struct buffer *out, const char *name, const char *labels,
                            const struct histogram *histogram)
{
    uint64_t counts[BUCKETS], total = 0, below = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        total += counts[i] = atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
    if (!total)
        return;
    for (size_t i = 0; i < BOUNDS; i++)
        print(out, "%s_bucket{%s,le=\"%g\"} %" PRIu64 "\n", name, labels, bounds_s[i], below += counts[i]);
    print(out, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, total);
    print(out, "%s_sum{%s} %.6f\n", name, labels,
          (double)atomic_load_explicit(&histogram->sum_us, memory_order_relaxed) / 1e6);
    print(out, "%s_count{%s} %" PRIu64 "\n", name, labels, total);
}

static void print_requests(struct buffer *out, const struct metrics *metrics)
{
    char labels[LINE_BYTES / 2];
    print_family(out, "cxr_request_duration_seconds", "histogram",
                 "Time from a request's head to the last byte of its answer.");
    for (size_t row = 0; row <= metrics->route_count; row++)
        for (size_t i = 0; i < CODES; i++) {
            snprintf(labels, sizeof labels, "route=\"%s\",code=\"%d\"",
                     row < metrics->route_count ? metrics->pattern(row) : "other", codes[i]);
            print_durations(out, "cxr_request_duration_seconds", labels, &metrics->requests[row][i]);
        }
    print_family(
        out, "cxr_stage_duration_seconds", "histogram",
        "Time a request for predictions spent in a stage; decoding and preprocessing over its images.");
    for (size_t i = 0; i < STAGES; i++) {
        snprintf(labels, sizeof labels, "stage=\"%s\"", stages[i].name);
        print_durations(out, "cxr_stage_duration_seconds", labels, &metrics->stages[i]);
    }
    print_family(out, "cxr_rejected_total", "counter", "Requests that were refused, by why.");
    for (size_t i = 0; i < REJECTION_COUNT; i++)
        print(out, "cxr_rejected_total{reason=\"%s\"} %" PRIu64 "\n", rejections[i],
              atomic_load_explicit(&metrics->rejections[i], memory_order_relaxed));
    print_family(out, "cxr_inflight", "gauge",
                 "Requests for predictions being worked on; one with flip is two.");
    print(out, "cxr_inflight %" PRId64 "\n", atomic_load_explicit(&metrics->inflight, memory_order_relaxed));
}

static void print_engines(struct buffer *out, const struct engine_statistics *engines)
{
    uint64_t below = 0;
    print_family(out, "cxr_batch_size", "histogram", "Images in a batch that went to the device.");
    for (size_t size = 1; size <= ENGINE_BATCH_MAX; size++) {
        below += engines->batch_size_counts[size - 1];
        if (!(size & (size - 1)))
            print(out, "cxr_batch_size_bucket{le=\"%zu\"} %" PRIu64 "\n", size, below);
    }
    print(out, "cxr_batch_size_bucket{le=\"+Inf\"} %" PRIu64 "\n", below);
    print(out, "cxr_batch_size_sum %" PRIu64 "\ncxr_batch_size_count %" PRIu64 "\n", engines->images, below);
    print_family(out, "cxr_queue_depth", "gauge", "Images that wait for the device.");
    print(out, "cxr_queue_depth %zu\n", engines->queue_depth);
    print_family(out, "cxr_queue_capacity", "gauge",
                 "Images that may wait or be in preparation; 0 while the model is being loaded.");
    print(out, "cxr_queue_capacity %zu\n", engines->queue_capacity);
    print_family(out, "cxr_inflight_limit", "gauge",
                 "Requests for predictions that are let in at once; 0 while the model is being loaded.");
    print(out, "cxr_inflight_limit %zu\n", engines->request_capacity);
    print_family(out, "cxr_device_memory_bytes", "gauge", "Device memory held for weights and activations.");
    print(out, "cxr_device_memory_bytes %" PRIu64 "\n", engines->device_memory_bytes);
    print_family(out, "cxr_device_lost_total", "counter", "Times a compute device was lost.");
    print(out, "cxr_device_lost_total %" PRIu64 "\n", engines->device_lost_count);
    print_family(out, "cxr_not_finite_total", "counter",
                 "Images whose answer was not finite and was withheld.");
    print(out, "cxr_not_finite_total %" PRIu64 "\n", engines->not_finite_count);
}

static void print_process(struct buffer *out, const struct metrics *metrics)
{
    const struct budget *budget = metrics->budget;
    print_family(out, "cxr_request_memory_bytes", "gauge",
                 "Bytes of bodies, images and pictures that requests hold.");
    print(out, "cxr_request_memory_bytes %zu\n", budget ? atomic_load(&budget->used_bytes) : 0);
    print_family(out, "cxr_request_memory_limit_bytes", "gauge", "What these may come to; more is refused.");
    print(out, "cxr_request_memory_limit_bytes %zu\n", budget ? budget->limit_bytes : 0);
    print_family(out, "cxr_log_dropped_total", "counter", "Lines of the log that nobody read in time.");
    print(out, "cxr_log_dropped_total %" PRIu64 "\n", log_dropped());
    print_family(out, "cxr_reload_failed_total", "counter",
                 "Times that models or keys were not loaded again and the old ones stayed.");
    print(out, "cxr_reload_failed_total %" PRIu64 "\n",
          atomic_load_explicit(&metrics->failed_reloads, memory_order_relaxed));
    /* Under the names that every program's exporter has. */
    const struct process_usage usage = process_usage();
    print_family(out, "process_start_time_seconds", "gauge", "When the process was started, since 1970.");
    print(out, "process_start_time_seconds %" PRId64 "\n", (int64_t)metrics->start_time);
    print_family(out, "process_open_fds", "gauge", "Descriptors that are open.");
    print(out, "process_open_fds %zu\n", usage.descriptors);
    print_family(out, "process_max_fds", "gauge", "Descriptors that may be open.");
    print(out, "process_max_fds %zu\n", usage.descriptors_max);
    print_family(out, "process_resident_memory_bytes", "gauge", "Memory of the machine that is held.");
    print(out, "process_resident_memory_bytes %zu\n", usage.resident_bytes);
}

void metrics_print_room(struct buffer *out, const struct api_room *room)
{
    print_family(out, "cxr_connections", "gauge", "Connections of clients, of which each holds a thread.");
    print(out, "cxr_connections %zu\n", room->connections);
    print_family(out, "cxr_connections_limit", "gauge", "How many there may be.");
    print(out, "cxr_connections_limit %zu\n", room->most);
}

/* A label's value, in which \ and " are escaped; a card's texts hold no line feeds. */
static void print_escaped(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            buffer_append(out, "\\", 1);
        buffer_append(out, text, 1);
    }
}

static void print_model(struct buffer *out, const struct model_card *card)
{
    print(out, "cxr_model_info{name=\"");
    print_escaped(out, card->name);
    print(out, "\",version=\"");
    print_escaped(out, card->version);
    print(out, "\",package_sha256=\"%s\"} 1\n", card->package_sha256);
}

void metrics_print_models(struct buffer *out, struct engine *const *engines, size_t count)
{
    if (count)
        print_family(out, "cxr_model_info", "gauge", "1 for each model that serves; its labels say which.");
    for (size_t i = 0; i < count; i++)
        print_model(out, engine_card(engines[i]));
}

struct buffer metrics_print(const struct metrics *metrics, const struct engine_statistics *engines)
{
    struct buffer out = {.maximum = METRICS_BYTES_MAX};
    print_requests(&out, metrics);
    print_engines(&out, engines);
    print_process(&out, metrics);
    print_family(&out, "cxr_build_info", "gauge", "1; its label says what runs.");
    print(&out, "cxr_build_info{version=\"%s\"} 1\n", CXRD_VERSION);
    return out;
}
