/* What `cxrd bench` found out, as a table for people or JSON for scripts. */
#ifndef CXRD_CLI_BENCH_REPORT_H
#define CXRD_CLI_BENCH_REPORT_H

#include "cli/bench_ceiling.h"

#include "engine/model/model.h"

enum { BENCH_LABELS_MAX = 64 };

/* One operation over all its dispatches in the best run. */
struct bench_operation {
    const char *label;
    double ms, gflops, gbytes; /* rates: 0 where the cost has none */
};

struct bench_result {
    uint32_t batch;
    double best_ms, median_ms;
    struct bench_operation operations[BENCH_LABELS_MAX];
    size_t operation_count;
};

/* What was measured, and on what. */
struct bench_subject {
    const struct model_card *card;
    const struct gpu_device *device;
    const struct kernels *kernels;
    const struct model *model;
    struct ceilings ceilings;
    double load_ms; /* from opening the device to a model that is ready */
};

void bench_print_header(const struct bench_subject *subject);
void bench_print_table(const struct bench_subject *subject, const struct bench_result *result);
void bench_print_json(const struct bench_subject *subject, const struct bench_result *results, size_t count);

#endif
