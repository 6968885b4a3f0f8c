/* Whether the kernels of a set compute what they should on this device: drivers miscompile, and those of
 * matrices have done so. GEMM and attention, which differ by rung, run on inputs whose outcome is known
 * without rounding. */
#include <math.h>
#include <stdlib.h>

#include "engine/base/half.h"
#include "engine/base/log.h"
#include "engine/kernels/set.h"

enum {
    /* More than one tile of every rung, the last of them cut off, in rows, columns and keys. */
    TOKENS = 133,
    TOKENS_PADDED = 144,
    COLUMNS = 3 * HEAD_SIZE,
    DEPTH = 128,
    MEMORY_BYTES = 2 << 20,
};
static const uint64_t timeout_ns = 60ull * 1000000000;

/* An array on the device and its image here. */
struct array {
    enum element element;
    size_t count;
    uint8_t *bytes;
    struct gpu_slice slice;
};

static void put(struct array *array, size_t i, float value)
{
    if (array->element == ELEMENT_F16)
        ((uint16_t *)array->bytes)[i] = half_from_float(value);
    else
        ((float *)array->bytes)[i] = value;
}

static float get(const struct array *array, size_t i)
{
    return array->element == ELEMENT_F16 ? half_to_float(((const uint16_t *)array->bytes)[i])
                                         : ((const float *)array->bytes)[i];
}

static enum status array_create(struct gpu_pool *pool, enum element element, size_t count,
                                struct failure *failure, struct array *out)
{
    *out = (struct array){.element = element, .count = count};
    out->bytes = memory_allocate(count, element_size_bytes(element));
    for (size_t i = 0; i < count; i++)
        put(out, i, NAN);
    return gpu_pool_allocate(pool, count * element_size_bytes(element), failure, &out->slice);
}

static enum status array_move(struct gpu_device *device, struct array *array, bool up,
                              struct failure *failure)
{
    size_t size_bytes = array->count * element_size_bytes(array->element);
    return up ? gpu_slice_write(device, &array->slice, 0, array->bytes, size_bytes, failure)
              : gpu_slice_read(device, &array->slice, 0, array->bytes, size_bytes, failure);
}

/* Small whole numbers, so that every product and sum is exact in float16 times float16 into float32. */
static float a_value(size_t row, size_t k)
{
    return (float)((row * 7 + k * 3 + row * k) % 5) - 2;
}

static float b_value(size_t column, size_t k)
{
    return (float)((column * 5 + k * 11 + column * k) % 7) - 3;
}

static float product(size_t row, size_t column)
{
    float sum = (float)(column % 3);
    for (size_t k = 0; k < DEPTH; k++)
        sum += a_value(row, k) * b_value(column, k);
    return sum;
}

/* Uploads the inputs, runs what was recorded, and reads the last array back. */
static enum status run(const struct kernels *kernels, struct gpu_recorder *recorder, struct array *arrays,
                       size_t count, struct failure *failure)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < count; i++)
        status = array_move(kernels->device, &arrays[i], true, failure);
    if (!status)
        status = gpu_recorder_finish(recorder, failure);
    if (!status)
        status = gpu_recorder_submit(recorder, failure);
    if (!status)
        status = gpu_recorder_wait(recorder, timeout_ns, failure);
    return status ? status : array_move(kernels->device, &arrays[count - 1], false, failure);
}

static enum status wrong(const struct kernels *kernels, const char *operation, struct failure *failure)
{
    return failure_set(failure, STATUS_DEVICE,
                       "The %s kernels compute a wrong %s on this device: choose another rung.",
                       rung_name(kernels->rung), operation);
}

static enum status gemm_check(const struct kernels *kernels, enum tile_size size, struct gpu_pool *pool,
                              struct gpu_recorder *recorder, struct failure *failure)
{
    enum { A, B, BIAS, OUT, ARRAYS };
    const size_t counts[ARRAYS] = {TOKENS * DEPTH, COLUMNS * DEPTH, COLUMNS, COLUMNS * TOKENS_PADDED};
    const enum element elements[ARRAYS] = {kernels->activations, kernels->weights, ELEMENT_F32,
                                           kernels->activations};
    struct array arrays[ARRAYS] = {0};
    float *b = memory_allocate(COLUMNS * DEPTH, sizeof *b);
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < ARRAYS; i++)
        status = array_create(pool, elements[i], counts[i], failure, &arrays[i]);
    if (status)
        goto done;
    for (size_t k = 0; k < DEPTH; k++) {
        for (size_t row = 0; row < TOKENS; row++)
            put(&arrays[A], (k / PANEL * TOKENS + row) * PANEL + k % PANEL, a_value(row, k));
        for (size_t column = 0; column < COLUMNS; column++)
            b[column * DEPTH + k] = b_value(column, k);
    }
    gemm_pack(kernels, b, COLUMNS, DEPTH, COLUMNS, DEPTH, arrays[B].bytes);
    for (size_t column = 0; column < COLUMNS; column++)
        put(&arrays[BIAS], column, (float)(column % 3));
    const struct gemm_params params = {.a = arrays[A].slice.address,
                                       .b = arrays[B].slice.address,
                                       .bias = arrays[BIAS].slice.address,
                                       .out = arrays[OUT].slice.address,
                                       .m = TOKENS,
                                       .n = COLUMNS,
                                       .k = DEPTH,
                                       .batch = 1,
                                       .heads = 1,
                                       .tokens = TOKENS,
                                       .tokens_padded = TOKENS_PADDED};
    gemm_record_tile(kernels, recorder, "check", GEMM_HEADS, size, &params);
    status = run(kernels, recorder, arrays, ARRAYS, failure);
    for (size_t i = 0; !status && i < COLUMNS * TOKENS; i++) {
        const size_t column = i / TOKENS, row = i % TOKENS;
        const size_t at = (column / HEAD_SIZE * TOKENS_PADDED + row) * HEAD_SIZE + column % HEAD_SIZE;
        if (get(&arrays[OUT], at) != product(row, column)) /* also when it is NaN */
            status = wrong(kernels, "product", failure);
    }
done:
    for (size_t i = 0; i < ARRAYS; i++)
        free(arrays[i].bytes);
    free(b);
    return status;
}

/* The sign of element d of key `key`: the bits of a number that a hash made of both (Wang, 2007). */
static float sign_value(size_t key, size_t d)
{
    uint32_t hash = (uint32_t)(key * HEAD_SIZE + d);
    hash = (hash ^ 61) ^ (hash >> 16);
    hash *= 9;
    hash ^= hash >> 4;
    hash *= 0x27d4eb2d;
    return hash >> 15 & 1 ? 1 : -1;
}

/* Keys are rows of signs, and every query is the key before it, doubled: its score with that key is 128, with
 * any other far less, so that the output is that key's value. Rows past the last token hold NaN. */
static enum status attention_check(const struct kernels *kernels, struct gpu_pool *pool,
                                   struct gpu_recorder *recorder, struct failure *failure)
{
    enum { QKV, OUT, ARRAYS };
    struct array arrays[ARRAYS] = {0};
    enum status status =
        array_create(pool, kernels->activations, COLUMNS * TOKENS_PADDED, failure, &arrays[QKV]);
    if (!status)
        status = array_create(pool, kernels->activations, HEAD_SIZE * TOKENS, failure, &arrays[OUT]);
    if (status)
        goto done;
    for (size_t i = 0; i < TOKENS * HEAD_SIZE; i++) {
        const size_t token = i / HEAD_SIZE, d = i % HEAD_SIZE;
        put(&arrays[QKV], i, 2 * sign_value((token + TOKENS - 1) % TOKENS, d));
        put(&arrays[QKV], TOKENS_PADDED * HEAD_SIZE + i, sign_value(token, d));
        put(&arrays[QKV], 2 * TOKENS_PADDED * HEAD_SIZE + i, a_value(token, d));
    }
    const struct attention_params params = {.qkv = arrays[QKV].slice.address,
                                            .out = arrays[OUT].slice.address,
                                            .batch = 1,
                                            .heads = 1,
                                            .tokens = TOKENS,
                                            .tokens_padded = TOKENS_PADDED};
    attention_record(kernels, recorder, "check", &params);
    status = run(kernels, recorder, arrays, ARRAYS, failure);
    for (size_t i = 0; !status && i < TOKENS * HEAD_SIZE; i++) {
        const size_t token = i / HEAD_SIZE, d = i % HEAD_SIZE;
        const float value = get(&arrays[OUT], (d / PANEL * TOKENS + token) * PANEL + d % PANEL);
        if (!(fabsf(value - a_value((token + TOKENS - 1) % TOKENS, d)) < 1e-3F)) /* also when it is NaN */
            status = wrong(kernels, "attention", failure);
    }
done:
    for (size_t i = 0; i < ARRAYS; i++)
        free(arrays[i].bytes);
    return status;
}

enum status kernels_check(const struct kernels *kernels, struct failure *failure)
{
    struct gpu_pool *pool = NULL;
    enum status status = gpu_pool_create(kernels->device, GPU_MEMORY_DEVICE, failure, &pool);
    if (status)
        return status;
    gpu_pool_reserve(pool, MEMORY_BYTES);
    for (int part = 0; !status && part <= TILE_SIZES; part++) {
        struct gpu_recorder *recorder = NULL;
        if (part < TILE_SIZES && !kernels->gemm[part][GEMM_HEADS])
            continue; /* the rung has one tile */
        status = gpu_recorder_create(kernels->device, false, failure, &recorder);
        if (!status)
            status = part == TILE_SIZES ? attention_check(kernels, pool, recorder, failure)
                                        : gemm_check(kernels, (enum tile_size)part, pool, recorder, failure);
        gpu_recorder_destroy(&recorder);
    }
    gpu_pool_destroy(&pool);
    return status;
}

/* What to fall back to: the next family of kernels that asks for less. */
static enum rung next_rung(enum rung rung)
{
    return rung == RUNG_MATRIX2 ? RUNG_MATRIX : rung == RUNG_MATRIX ? RUNG_HALF : RUNG_PORTABLE;
}

enum status kernels_choose(struct gpu_device *device, const char *name, enum precision precision,
                           struct failure *failure, struct kernels **out)
{
    enum rung rung = RUNG_PORTABLE;
    enum element weights = ELEMENT_F32;
    enum status status = rung_choose(gpu_device_info(device), name, precision, failure, &rung, &weights);
    if (status)
        return status;
    for (;; rung = next_rung(rung)) {
        const char *why_not;
        if (!rung_supported(rung, gpu_device_info(device), &why_not) && rung != RUNG_PORTABLE)
            continue;
        struct kernels *kernels = NULL;
        status = kernels_create(device, rung, weights, failure, &kernels);
        if (!status)
            status = kernels_check(kernels, failure);
        if (!status) {
            *out = kernels;
            return STATUS_OK;
        }
        kernels_destroy(&kernels);
        if (name || rung == RUNG_PORTABLE || status != STATUS_DEVICE)
            return status;
        log_message(LOG_WARNING, "%s Going on with the next slower kernels.", failure->sentence);
        *failure = (struct failure){0};
    }
}
