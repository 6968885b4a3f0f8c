/* How long a tile takes of a shape. */
#include <math.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/half.h"
#include "engine/kernels/trial.h"
#include "engine/kernels/trial_array.h"

enum { RUNS = 3, REPEATS_MAX = 32, WARM_MS = 100, PATTERN_HALVES = 1 << 19 };
static const double repeated_ms = 1; /* what is over sooner is repeated in one submission */

struct trial_timer {
    const struct kernels *kernels;
    struct trial trial;
    struct gpu_slice a, b, bias, out, scratch; /* each as large as any shape wants it */
    bool warm;
};

struct needs {
    size_t a, b, bias, out, scratch;
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t heads_bytes(const struct kernels *kernels, uint32_t images, uint32_t tokens, uint32_t width)
{
    return (size_t)3 * images * round_up(tokens, PANEL) * width * element_size_bytes(kernels->activations);
}

static void need_shape(const struct kernels *kernels, const struct tiled_shape *shape, struct needs *needs)
{
    if (shape->kind == TILED_ATTENTION) { /* images, heads, tokens */
        const uint32_t width = shape->n * HEAD_SIZE;
        needs->a = larger(needs->a, heads_bytes(kernels, shape->m, shape->k, width));
        needs->out =
            larger(needs->out, kernels_activation_bytes(kernels, (size_t)shape->m * shape->k, width));
        needs->scratch =
            larger(needs->scratch, attention_scratch_bytes(kernels, shape->m, shape->n, shape->k));
        return;
    }
    const bool exact = shape->kind == GEMM_EXACT || shape->kind == GEMM_ADD;
    size_t out = exact ? (size_t)shape->m * shape->n * sizeof(float)
                       : kernels_activation_bytes(kernels, shape->m,
                                                  shape->kind == GEMM_SWIGLU ? shape->n / 2 : shape->n);
    if (shape->kind == GEMM_HEADS) /* one image of so many tokens: never less than several */
        out = heads_bytes(kernels, 1, shape->m, shape->n / 3);
    needs->a = larger(needs->a, kernels_activation_bytes(kernels, shape->m, shape->k));
    needs->b = larger(needs->b, gemm_packed_size_bytes(kernels, shape->n, shape->k));
    needs->bias = larger(needs->bias, shape->n * sizeof(float));
    needs->out = larger(needs->out, out);
}

/* Memory full of half floats between 1/4 and 1 with either sign; as floats these are small ones. */
static struct gpu_slice numbers(struct trial *trial, size_t size_bytes)
{
    if (!size_bytes)
        return (struct gpu_slice){0};
    struct gpu_slice slice = trial_reserve(trial, size_bytes);
    uint16_t *pattern = memory_allocate(PATTERN_HALVES, sizeof *pattern);
    uint32_t random = 1;
    for (size_t i = 0; i < PATTERN_HALVES; i++) {
        random = random * 1664525 + 1013904223;
        pattern[i] = (uint16_t)(0x3400 + (random >> 8 & 0x7ff) + (random >> 16 & 0x8000));
    }
    for (size_t at = 0; at < size_bytes && !trial->status; at += PATTERN_HALVES * sizeof *pattern) {
        const size_t left = size_bytes - at, whole = PATTERN_HALVES * sizeof *pattern;
        trial->status = gpu_slice_write(trial->kernels->device, &slice, at, pattern,
                                        left < whole ? left : whole, trial->failure);
    }
    free(pattern);
    return slice;
}

enum status trial_timer_create(const struct kernels *kernels, const struct tiled_shape *shapes, size_t count,
                               struct failure *failure, struct trial_timer **out)
{
    struct trial_timer *timer = memory_allocate(1, sizeof *timer);
    struct needs needs = {0};
    timer->kernels = kernels;
    for (size_t i = 0; i < count; i++)
        need_shape(kernels, &shapes[i], &needs);
    trial_begin(&timer->trial, kernels, failure);
    timer->a = numbers(&timer->trial, needs.a);
    timer->b = numbers(&timer->trial, needs.b);
    timer->bias = numbers(&timer->trial, needs.bias);
    timer->out = numbers(&timer->trial, needs.out);
    if (needs.scratch)
        timer->scratch = trial_reserve(&timer->trial, needs.scratch);
    enum status status = timer->trial.status;
    if (status)
        trial_timer_destroy(&timer);
    else
        *out = timer;
    return status;
}

void trial_timer_destroy(struct trial_timer **handle)
{
    struct trial_timer *timer = *handle;
    *handle = NULL;
    if (!timer)
        return;
    (void)trial_end(&timer->trial);
    free(timer);
}

static void record(const struct trial_timer *timer, const struct tiled_shape *shape, uint32_t tile,
                   struct gpu_recorder *recorder)
{
    const uint32_t m = shape->m;
    if (shape->kind == TILED_ATTENTION) {
        attention_record_tile(
            timer->kernels, recorder, "trial", tile,
            &(struct attention_params){.qkv = timer->a.address,
                                       .out = timer->out.address,
                                       .scratch = timer->scratch.address,
                                       .batch = m,
                                       .heads = shape->n,
                                       .tokens = shape->k,
                                       .tokens_padded = (uint32_t)round_up(shape->k, PANEL)});
        return;
    }
    gemm_record_tile(timer->kernels, recorder, "trial", (enum gemm_epilogue)shape->kind, tile,
                     &(struct gemm_params){.a = timer->a.address,
                                           .b = timer->b.address,
                                           .bias = timer->bias.address,
                                           .addend = timer->out.address,
                                           .out = timer->out.address,
                                           .m = m,
                                           .n = shape->n,
                                           .k = shape->k,
                                           .a_columns = shape->k,
                                           .group = m,
                                           .out_group = m,
                                           .out_rows = m,
                                           .addend_rows = m,
                                           .batch = 1,
                                           .heads = shape->n / 3 / HEAD_SIZE,
                                           .tokens = m,
                                           .tokens_padded = (uint32_t)round_up(m, PANEL)});
}

/* Runs it so often in one submission, `runs` times; the best of these, once. */
static double run_ms(struct trial_timer *timer, const struct tiled_shape *shape, uint32_t tile,
                     uint32_t repeats, int runs)
{
    struct trial *trial = &timer->trial;
    double best_ms = INFINITY;
    gpu_recorder_destroy(&trial->recorder);
    if (!trial->status)
        trial->status = gpu_recorder_create(timer->kernels->device, false, trial->failure, &trial->recorder);
    for (uint32_t i = 0; !trial->status && i < repeats; i++)
        record(timer, shape, tile, trial->recorder);
    if (!trial->status)
        trial->status = gpu_recorder_finish(trial->recorder, trial->failure);
    const uint64_t warm_ns = clock_now_ns();
    while (!trial->status && !timer->warm) { /* an idle GPU clocks down, and takes some 0.1 s to clock up */
        trial_run(trial);
        timer->warm = clock_elapsed_ms(warm_ns) > WARM_MS;
    }
    for (int i = 0; !trial->status && i < runs; i++) {
        const uint64_t start_ns = clock_now_ns();
        trial_run(trial);
        best_ms = fmin(best_ms, clock_elapsed_ms(start_ns) / repeats);
    }
    return best_ms;
}

enum status trial_time(struct trial_timer *timer, const struct tiled_shape *shape, uint32_t tile,
                       double enough_ms, struct failure *failure, double *milliseconds)
{
    timer->trial.failure = failure;
    if (timer->trial.status != STATUS_DEVICE_LOST && timer->trial.status != STATUS_TIMEOUT)
        timer->trial.status = STATUS_OK; /* what another tile could not do */
    double ms = run_ms(timer, shape, tile, 1, 1);
    if (!timer->trial.status && ms <= enough_ms) {
        const double wanted = ceil(repeated_ms / fmax(ms, repeated_ms / REPEATS_MAX));
        ms = fmin(ms, run_ms(timer, shape, tile, (uint32_t)wanted, RUNS - 1));
    }
    if (!timer->trial.status)
        *milliseconds = fmax(ms, 1e-6);
    return timer->trial.status;
}
