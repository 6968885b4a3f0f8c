#include "engine/kernels/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/half.h"
#include "engine/kernels/set.h"
#include "engine/reference/attention.h"
#include "engine/reference/gemm.h"

enum { RUNS = 3, WARM_MS = 100 };

/* A trial stops at its first failure: later calls do nothing. */
struct trial {
    const struct kernels *kernels;
    struct gpu_pool *pool;
    struct gpu_recorder *recorder;
    uint64_t random;
    struct failure *failure;
    enum status status;
};

/* An array on the device and what it holds as floats; in a matrix of activations these are in panels. */
struct array {
    enum element element;
    size_t count;
    float *values;
    struct layout layout; /* no rows: as the floats */
    struct gpu_slice slice;
};

static void trial_begin(struct trial *trial, const struct kernels *kernels, struct failure *failure)
{
    *trial = (struct trial){.kernels = kernels, .random = 0x9e3779b97f4a7c15ull, .failure = failure};
    gpu_device_limit_waits(kernels->device, TRIAL_WAIT_S * UINT64_C(1000000000));
    trial->status = gpu_pool_create(kernels->device, GPU_MEMORY_DEVICE, failure, &trial->pool);
    if (!trial->status)
        trial->status = gpu_recorder_create(kernels->device, false, failure, &trial->recorder);
}

static enum status trial_end(struct trial *trial)
{
    gpu_device_limit_waits(trial->kernels->device, 0);
    if (trial->status == STATUS_TIMEOUT) /* the device may still use all of it */
        return trial->status;
    gpu_recorder_destroy(&trial->recorder);
    gpu_pool_destroy(&trial->pool);
    return trial->status;
}

static void run(struct trial *trial)
{
    if (!trial->status)
        trial->status = gpu_recorder_submit(trial->recorder, trial->failure);
    if (!trial->status)
        trial->status = gpu_recorder_wait(trial->recorder, UINT64_MAX, trial->failure);
}

/* xorshift64*, evenly between -1 and 1. */
static float random_unit(struct trial *trial)
{
    trial->random ^= trial->random >> 12;
    trial->random ^= trial->random << 25;
    trial->random ^= trial->random >> 27;
    return (float)((trial->random * 0x2545f4914f6cdd1dull) >> 40) * 0x1p-23f - 1;
}

/* Zeros on the device. */
static struct gpu_slice reserve(struct trial *trial, size_t size_bytes)
{
    struct gpu_slice slice = {0};
    if (!trial->status)
        trial->status = gpu_pool_allocate(trial->pool, size_bytes, trial->failure, &slice);
    return slice;
}

static void upload(struct trial *trial, const struct gpu_slice *slice, const void *data, size_t size_bytes)
{
    if (!trial->status)
        trial->status = gpu_slice_write(trial->kernels->device, slice, 0, data, size_bytes, trial->failure);
}

/* Random numbers of an element's precision up to `scale`, on the host only. */
static struct array array_random(struct trial *trial, enum element element, size_t count, float scale)
{
    struct array array = {.element = element, .count = count};
    array.values = memory_allocate(count, sizeof *array.values);
    for (size_t i = 0; i < count; i++) {
        array.values[i] = scale * random_unit(trial);
        if (element == ELEMENT_F16)
            array.values[i] = half_to_float(half_from_float(array.values[i]));
    }
    return array;
}

/* Elements on the device. */
static size_t array_places(const struct array *array)
{
    return array->layout.rows ? layout_count(&array->layout) : array->count;
}

static void array_reserve(struct trial *trial, struct array *array)
{
    array->slice = reserve(trial, array_places(array) * element_size_bytes(array->element));
}

static void array_upload(struct trial *trial, struct array *array)
{
    size_t size_bytes = element_size_bytes(array->element);
    array_reserve(trial, array);
    void *data = memory_allocate(array_places(array), size_bytes);
    for (size_t i = 0; i < array->count; i++)
        if (array->element == ELEMENT_F32)
            ((float *)data)[layout_place(&array->layout, i)] = array->values[i];
        else
            ((uint16_t *)data)[layout_place(&array->layout, i)] = half_from_float(array->values[i]);
    upload(trial, &array->slice, data, array_places(array) * size_bytes);
    free(data);
}

/* Weights [n][k], packed as the kernels want them. */
static void array_upload_packed(struct trial *trial, struct array *array, size_t n, size_t k)
{
    size_t size_bytes = gemm_packed_size_bytes(trial->kernels, n, k);
    void *packed = memory_allocate(size_bytes, 1);
    gemm_pack(trial->kernels, &(struct gemm_weights){array->values, n, k, NULL, false}, n, k, packed);
    array->slice = reserve(trial, size_bytes);
    upload(trial, &array->slice, packed, size_bytes);
    free(packed);
}

/* The largest error of what the device holds against what is expected (NaN: not written), each relative to
 * the value or, for small ones, to the array's size. */
static double array_error(struct trial *trial, const struct array *array, const float *expected)
{
    size_t size_bytes = element_size_bytes(array->element), written = 0;
    void *bytes = memory_allocate(array_places(array), size_bytes);
    if (!trial->status)
        trial->status = gpu_slice_read(trial->kernels->device, &array->slice, 0, bytes,
                                       array_places(array) * size_bytes, trial->failure);
    double square = 0, worst = 0;
    for (size_t i = 0; i < array->count; i++)
        if (!isnan(expected[i])) {
            square += (double)expected[i] * (double)expected[i];
            written++;
        }
    double size = sqrt(square / (double)written);
    for (size_t i = 0; !trial->status && i < array->count; i++) {
        if (isnan(expected[i]))
            continue;
        size_t at = layout_place(&array->layout, i);
        double found = array->element == ELEMENT_F16 ? (double)half_to_float(((uint16_t *)bytes)[at])
                                                     : (double)((float *)bytes)[at];
        double error = fabs(found - (double)expected[i]) / (fabs((double)expected[i]) + size);
        if (!(error <= worst)) /* NaN counts as the largest */
            worst = isnan(error) ? INFINITY : error;
    }
    free(bytes);
    return worst;
}

/* Rounding of what is stored, and of what was summed up before. */
static void demand(struct trial *trial, const char *operation, const struct array *out, const float *expected)
{
    double bound = out->element == ELEMENT_F16 ? 4e-3 : 1e-4, error = array_error(trial, out, expected);
    if (!trial->status && !(error <= bound))
        trial->status =
            failure_set(trial->failure, STATUS_DEVICE,
                        "This device computes %s wrong with the %s kernels (error %.1e, bound %.0e).",
                        operation, rung_name(trial->kernels->rung), error, bound);
}

static float *unwritten(size_t count)
{
    float *values = memory_allocate(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = NAN;
    return values;
}

static enum status check_gemm(const struct kernels *kernels, enum tile_size size, enum gemm_epilogue epilogue,
                              struct failure *failure)
{
    /* More than a tile of rows, the last one cut off; one head and two images of Q, K and V. */
    enum { BATCH = 2, TOKENS = 70, ROWS = BATCH * TOKENS, TOKENS_PADDED = 80, N = 3 * HEAD_SIZE, K = 128 };
    static const char *const names[GEMM_EPILOGUE_COUNT] = {
        "a product",          "a product added to another", "a product and ReLU",
        "a product and GELU", "a product and SwiGLU",       "queries, keys and values"};
    struct trial trial;
    trial_begin(&trial, kernels, failure);
    bool exact = epilogue == GEMM_EXACT || epilogue == GEMM_ADD;
    struct array a = array_random(&trial, kernels->activations, ROWS * K, 1);
    struct array b = array_random(&trial, kernels->weights, N * K, 0.15f);
    struct array bias = array_random(&trial, ELEMENT_F32, N, 1);
    struct array addend = array_random(&trial, ELEMENT_F32, ROWS * N, 1);
    struct array out = {.element = exact ? ELEMENT_F32 : kernels->activations,
                        .count = epilogue == GEMM_HEADS ? BATCH * N * TOKENS_PADDED
                                                        : ROWS * N / (epilogue == GEMM_SWIGLU ? 2 : 1)};
    a.layout = kernels_layout(kernels, ROWS, K);
    if (!exact && epilogue != GEMM_HEADS)
        out.layout = kernels_layout(kernels, ROWS, out.count / ROWS);
    array_upload(&trial, &a);
    array_upload_packed(&trial, &b, N, K);
    array_upload(&trial, &bias);
    array_upload(&trial, &addend);
    array_reserve(&trial, &out);
    const struct gemm_params params = {.a = a.slice.address,
                                       .b = b.slice.address,
                                       .bias = bias.slice.address,
                                       .addend = addend.slice.address,
                                       .out = out.slice.address,
                                       .m = ROWS,
                                       .n = N,
                                       .k = K,
                                       .a_columns = K,
                                       .group = ROWS,
                                       .out_group = ROWS,
                                       .out_rows = ROWS,
                                       .addend_rows = ROWS,
                                       .batch = BATCH,
                                       .heads = 1,
                                       .tokens = TOKENS,
                                       .tokens_padded = TOKENS_PADDED};
    if (!trial.status) {
        gemm_record_tile(kernels, trial.recorder, "trial", epilogue, size, &params);
        trial.status = gpu_recorder_finish(trial.recorder, failure);
    }
    run(&trial);
    float *expected = unwritten(out.count);
    reference_gemm(epilogue, &params, a.values, b.values, bias.values, addend.values,
                   kernels_values_across(kernels), expected);
    demand(&trial, names[epilogue], &out, expected);
    free(expected);
    free(addend.values);
    free(bias.values);
    free(b.values);
    free(a.values);
    return trial_end(&trial);
}

/* What attention works in, 0 where it needs nothing. */
static uint64_t reserve_scratch(struct trial *trial, uint32_t batch, uint32_t heads, uint32_t tokens)
{
    size_t size_bytes = attention_scratch_bytes(trial->kernels, batch, heads, tokens);
    return size_bytes ? reserve(trial, size_bytes).address : 0;
}

static enum status check_attention(const struct kernels *kernels, struct failure *failure)
{
    enum { HEADS = 2, TOKENS = 70, TOKENS_PADDED = 80 };
    struct trial trial;
    trial_begin(&trial, kernels, failure);
    struct array qkv = array_random(&trial, kernels->activations, 3 * HEADS * TOKENS_PADDED * HEAD_SIZE, 1);
    for (size_t i = 0; i < qkv.count; i++)
        if (attention_token(kernels, i, HEADS, TOKENS_PADDED) >= TOKENS)
            qkv.values[i] = NAN; /* whatever is there must not count */
    struct array out = {.element = kernels->activations,
                        .count = TOKENS * HEADS * HEAD_SIZE,
                        .layout = kernels_layout(kernels, TOKENS, HEADS * HEAD_SIZE)};
    array_upload(&trial, &qkv);
    array_reserve(&trial, &out);
    const struct attention_params params = {.qkv = qkv.slice.address,
                                            .out = out.slice.address,
                                            .scratch = reserve_scratch(&trial, 1, HEADS, TOKENS),
                                            .batch = 1,
                                            .heads = HEADS,
                                            .tokens = TOKENS,
                                            .tokens_padded = TOKENS_PADDED};
    if (!trial.status) {
        attention_record(kernels, trial.recorder, "trial", &params);
        trial.status = gpu_recorder_finish(trial.recorder, failure);
    }
    run(&trial);
    float *expected = unwritten(out.count);
    reference_attention(&params, qkv.values, kernels_values_across(kernels), expected);
    demand(&trial, "attention", &out, expected);
    free(expected);
    free(qkv.values);
    return trial_end(&trial);
}

enum status trial_check(const struct kernels *kernels, struct failure *failure)
{
    enum status status = STATUS_OK;
    for (enum tile_size size = 0; size < TILE_SIZES; size++)
        for (enum gemm_epilogue epilogue = 0; !status && epilogue < GEMM_EPILOGUE_COUNT; epilogue++)
            if (kernels->gemm[size][epilogue]) /* not every rung has two tiles */
                status = check_gemm(kernels, size, epilogue, failure);
    return status ? status : check_attention(kernels, failure);
}

/* One product of the block; the shapes' zeros take as long as other numbers. */
static void time_product(struct trial *trial, enum gemm_epilogue epilogue, const struct trial_shape *shape,
                         uint32_t n, uint32_t k)
{
    const struct kernels *kernels = trial->kernels;
    uint32_t m = shape->batch * shape->tokens, padded = (uint32_t)round_up(shape->tokens, PANEL);
    n = (uint32_t)round_up(n, 2 * PANEL);
    k = (uint32_t)round_up(k, K_STEP);
    struct gpu_slice a = reserve(trial, kernels_activation_bytes(kernels, m, k));
    struct gpu_slice b = reserve(trial, gemm_packed_size_bytes(kernels, n, k));
    struct gpu_slice bias = reserve(trial, n * sizeof(float));
    struct gpu_slice out = reserve(trial, round_up((size_t)shape->batch * padded, STRIP) * n * sizeof(float));
    if (!trial->status)
        gemm_record(kernels, trial->recorder, "trial", epilogue,
                    &(struct gemm_params){.a = a.address,
                                          .b = b.address,
                                          .bias = bias.address,
                                          .addend = out.address,
                                          .out = out.address,
                                          .m = m,
                                          .n = n,
                                          .k = k,
                                          .a_columns = k,
                                          .group = m,
                                          .out_group = m,
                                          .out_rows = m,
                                          .addend_rows = m,
                                          .batch = shape->batch,
                                          .heads = shape->heads,
                                          .tokens = shape->tokens,
                                          .tokens_padded = padded});
}

static void time_attention(struct trial *trial, const struct trial_shape *shape)
{
    uint32_t padded = (uint32_t)round_up(shape->tokens, PANEL);
    size_t size_bytes = (size_t)shape->batch * padded * shape->width * sizeof(float);
    struct gpu_slice qkv = reserve(trial, 3 * size_bytes);
    struct gpu_slice out =
        reserve(trial, kernels_activation_bytes(trial->kernels, shape->batch * padded, shape->width));
    uint64_t scratch = reserve_scratch(trial, shape->batch, shape->heads, shape->tokens);
    if (!trial->status)
        attention_record(trial->kernels, trial->recorder, "trial",
                         &(struct attention_params){.qkv = qkv.address,
                                                    .out = out.address,
                                                    .scratch = scratch,
                                                    .batch = shape->batch,
                                                    .heads = shape->heads,
                                                    .tokens = shape->tokens,
                                                    .tokens_padded = padded});
}

enum status trial_time(const struct kernels *kernels, const struct trial_shape *shape,
                       struct failure *failure, double *milliseconds)
{
    uint32_t width = shape->width, hidden = shape->ffn_columns / (shape->gated ? 2 : 1);
    struct trial trial;
    trial_begin(&trial, kernels, failure);
    time_product(&trial, GEMM_HEADS, shape, 3 * width, width);
    time_attention(&trial, shape);
    time_product(&trial, GEMM_ADD, shape, width, width);
    time_product(&trial, shape->gated ? GEMM_SWIGLU : GEMM_GELU, shape, shape->ffn_columns, width);
    time_product(&trial, GEMM_ADD, shape, width, hidden);
    if (!trial.status)
        trial.status = gpu_recorder_finish(trial.recorder, failure);
    double best_ms = INFINITY;
    const uint64_t warm_ns = clock_now_ns();
    do /* an idle GPU clocks down to a fifth, and takes some 0.1 s to clock up */
        run(&trial);
    while (!trial.status && clock_elapsed_ms(warm_ns) < WARM_MS);
    for (int i = 0; !trial.status && i < RUNS; i++) {
        uint64_t start_ns = clock_now_ns();
        run(&trial);
        best_ms = fmin(best_ms, clock_elapsed_ms(start_ns));
    }
    if (!trial.status)
        *milliseconds = best_ms;
    return trial_end(&trial);
}
