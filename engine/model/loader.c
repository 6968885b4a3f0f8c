#include "engine/model/loader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESTED_BYTES = 1 << 20 /* after a tensor of this size the file's pages are let go: all of it beside all of
                              the packed weights would double the memory */
};

static bool find(const struct loader *loader, const char *name)
{
    return !loader->file || safetensors_find(loader->file, name);
}

bool loader_has(const struct loader *loader, const char *format, ...)
{
    char name[TENSOR_NAME_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return find(loader, name);
}

/* xorshift64*: quick, and the same on every machine. */
static float random_unit(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (float)((*state * 0x2545f4914f6cdd1dull) >> 40) * 0x1p-23f - 1.0f;
}

/* Values with which activations keep their size from block to block: gains near 1, matrices of unit gain. */
static void fill_random(struct loader *loader, const char *name, size_t rows, size_t columns, float *out)
{
    const char *last = strrchr(name, '.');
    bool gain =
        (strstr(name, "norm") && last && !strcmp(last, ".weight")) || (last && !strcmp(last, ".gamma"));
    float scale = columns ? 1.0f : 0.02f;
    for (size_t power = columns; power > 1; power /= 4)
        scale *= 0.5f;
    for (size_t i = 0; i < rows * (columns ? columns : 1); i++)
        out[i] = gain ? 1.0f + 0.1f * random_unit(&loader->seed) : scale * random_unit(&loader->seed);
}

/* The shape without dimensions of 1 is compared, so that [1, 1, D], [D] and [C, E, 1] read as what they are.
 */
static bool shape_is(const struct tensor *tensor, size_t rows, size_t columns)
{
    size_t wanted[2], found[TENSOR_RANK_MAX], wanted_rank = 0, rank = 0;
    if (rows != 1)
        wanted[wanted_rank++] = rows;
    if (columns > 1)
        wanted[wanted_rank++] = columns;
    for (size_t i = 0; i < tensor->rank; i++)
        if (tensor->shape[i] != 1)
            found[rank++] = tensor->shape[i];
    for (; wanted_rank == 2 && rank > 2; rank--) /* a convolution's [D, 3, P, P] is a matrix [D, 3*P*P] */
        found[rank - 2] *= found[rank - 1];
    return rank == wanted_rank && !memcmp(found, wanted, rank * sizeof *found);
}

/* NULL after a failure, and where values are random. */
static const struct tensor *find_tensor(struct loader *loader, size_t rows, size_t columns, const char *name)
{
    if (loader->status || !loader->file)
        return NULL;
    const struct tensor *tensor = safetensors_find(loader->file, name);
    if (!tensor || !tensor_type_is_float(tensor->type)) {
        loader->status =
            failure_set(loader->failure, STATUS_INVALID_FILE,
                        tensor ? "Tensor \"%s\" does not hold floats." : "Tensor \"%s\" is missing.", name);
        return NULL;
    }
    if (!shape_is(tensor, rows, columns)) {
        char shape[TENSOR_SHAPE_TEXT_BYTES];
        loader->status = failure_set(
            loader->failure, STATUS_INVALID_FILE, "Tensor \"%s\" has shape %s; %zu x %zu values are needed.",
            name, tensor_shape_text(tensor->rank, tensor->shape, shape), rows, columns ? columns : 1);
        return NULL;
    }
    return tensor;
}

/* The values of what find_tensor found, which the caller frees; NULL after a failure. */
static float *copy_values(struct loader *loader, const struct tensor *tensor, size_t rows, size_t columns,
                          const char *name)
{
    if (loader->status)
        return NULL;
    float *values = memory_allocate(rows * (columns ? columns : 1), sizeof *values);
    if (tensor)
        tensor_to_float(tensor, values);
    else
        fill_random(loader, name, rows, columns, values);
    return values;
}

static void rest_after(const struct loader *loader, const struct tensor *tensor)
{
    if (tensor && tensor->size_bytes >= RESTED_BYTES)
        safetensors_rest(loader->file);
}

static float *read_named(struct loader *loader, size_t rows, size_t columns, const char *name)
{
    const struct tensor *tensor = find_tensor(loader, rows, columns, name);
    float *values = copy_values(loader, tensor, rows, columns, name);
    rest_after(loader, tensor);
    return values;
}

float *loader_read(struct loader *loader, size_t rows, size_t columns, const char *format, ...)
{
    char name[TENSOR_NAME_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return read_named(loader, rows, columns, name);
}

uint64_t loader_floats(struct loader *loader, const float *values, size_t count)
{
    struct gpu_slice slice = {0};
    if (loader->status)
        return 0;
    loader->status = gpu_pool_allocate(loader->pool, count * sizeof *values, loader->failure, &slice);
    if (!loader->status)
        loader->status =
            gpu_slice_write(loader->device, &slice, 0, values, count * sizeof *values, loader->failure);
    return slice.address;
}

/* The bias in the order and with the gains of its weights, padded with zeros to n. */
static uint64_t load_bias(struct loader *loader, const struct gemm_weights *weights, const float *bias,
                          size_t n)
{
    float *padded = memory_allocate(n, sizeof *padded);
    for (size_t row = 0; bias && row < weights->n; row++) {
        size_t source = gemm_weights_row(weights, row);
        padded[row] = bias[source] * (weights->gain ? weights->gain[source] : 1);
    }
    uint64_t address = loader_floats(loader, padded, n);
    free(padded);
    return address;
}

struct dense loader_dense(struct loader *loader, const struct gemm_weights *weights, const float *bias)
{
    struct dense dense = {.n = (uint32_t)round_up(weights->n, weights->paired ? 2 * K_STEP : PANEL),
                          .k = (uint32_t)round_up(weights->k, K_STEP)};
    struct gpu_slice slice;
    if (loader->status)
        return dense;
    size_t size_bytes = gemm_packed_size_bytes(loader->kernels, dense.n, dense.k);
    loader->status = gpu_pool_allocate(loader->pool, size_bytes, loader->failure, &slice);
    if (loader->status)
        return dense;
    if (slice.mapped) { /* no second copy where the host reaches the device's memory */
        gemm_pack(loader->kernels, weights, dense.n, dense.k, slice.mapped);
    } else {
        void *packed = memory_allocate(size_bytes, 1);
        gemm_pack(loader->kernels, weights, dense.n, dense.k, packed);
        loader->status = gpu_slice_write(loader->device, &slice, 0, packed, size_bytes, loader->failure);
        free(packed);
    }
    dense.weights = slice.address;
    dense.bias = load_bias(loader, weights, bias, dense.n);
    return dense;
}

/* The tensor's floats where they are, or NULL where they are none or do not lie as floats must. */
static const float *floats_in_place(const struct tensor *tensor)
{
    return tensor->type == TENSOR_F32 && (uintptr_t)tensor->data % _Alignof(float) == 0 ? tensor->data : NULL;
}

struct dense loader_dense_tensor(struct loader *loader, const struct gemm_weights *weights, const float *bias,
                                 const char *format, ...)
{
    char name[TENSOR_NAME_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    struct gemm_weights filled = *weights;
    float *copy = NULL;
    const struct tensor *tensor = find_tensor(loader, weights->n, weights->k, name);
    filled.values = tensor ? floats_in_place(tensor) : NULL;
    if (!filled.values)
        filled.values = copy = copy_values(loader, tensor, weights->n, weights->k, name);
    struct dense dense = loader_dense(loader, &filled, bias);
    free(copy);
    rest_after(loader, tensor);
    return dense;
}

struct norm loader_norm(struct loader *loader, size_t width, const char *format, ...)
{
    char name[TENSOR_NAME_BYTES - 8], full[TENSOR_NAME_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    snprintf(full, sizeof full, "%s.weight", name);
    float *weight = read_named(loader, width, 0, full);
    snprintf(full, sizeof full, "%s.bias", name);
    float *bias = read_named(loader, width, 0, full);
    struct norm norm = {.weight = loader_floats(loader, weight, width),
                        .bias = loader_floats(loader, bias, width)};
    free(weight);
    free(bias);
    return norm;
}
