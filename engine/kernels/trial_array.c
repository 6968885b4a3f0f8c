#include "engine/kernels/trial_array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/half.h"

void trial_begin(struct trial *trial, const struct kernels *kernels, struct failure *failure)
{
    *trial = (struct trial){.kernels = kernels, .random = 0x9e3779b97f4a7c15ull, .failure = failure};
    trial->status = gpu_pool_create(kernels->device, GPU_MEMORY_DEVICE, failure, &trial->pool);
    if (!trial->status)
        trial->status = gpu_recorder_create(kernels->device, false, failure, &trial->recorder);
}

enum status trial_end(struct trial *trial)
{
    if (trial->status == STATUS_TIMEOUT) /* the device may still use all of it */
        return trial->status;
    gpu_recorder_destroy(&trial->recorder);
    gpu_pool_destroy(&trial->pool);
    return trial->status;
}

void trial_run(struct trial *trial)
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

struct gpu_slice trial_reserve(struct trial *trial, size_t size_bytes)
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

struct array array_random(struct trial *trial, enum element element, size_t count, float scale)
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

void array_reserve(struct trial *trial, struct array *array)
{
    array->slice = trial_reserve(trial, array_places(array) * element_size_bytes(array->element));
}

void array_upload(struct trial *trial, struct array *array)
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

void array_upload_packed(struct trial *trial, struct array *array, size_t n, size_t k)
{
    size_t size_bytes = gemm_packed_size_bytes(trial->kernels, n, k);
    void *packed = memory_allocate(size_bytes, 1);
    gemm_pack(trial->kernels, &(struct gemm_weights){array->values, n, k, NULL, false}, n, k, packed);
    array->slice = trial_reserve(trial, size_bytes);
    upload(trial, &array->slice, packed, size_bytes);
    free(packed);
}

/* What the device holds, which the caller frees. */
static void *array_bytes(struct trial *trial, const struct array *array)
{
    size_t size_bytes = element_size_bytes(array->element);
    void *bytes = memory_allocate(array_places(array), size_bytes);
    if (!trial->status)
        trial->status = gpu_slice_read(trial->kernels->device, &array->slice, 0, bytes,
                                       array_places(array) * size_bytes, trial->failure);
    return bytes;
}

bool array_same(struct trial *trial, const struct array *a, const struct array *b)
{
    void *one = array_bytes(trial, a), *other = array_bytes(trial, b);
    bool same = !trial->status && array_places(a) == array_places(b) && a->element == b->element &&
                !memcmp(one, other, array_places(a) * element_size_bytes(a->element));
    free(other);
    free(one);
    return same;
}

double array_error(struct trial *trial, const struct array *array, const float *expected)
{
    size_t written = 0;
    void *bytes = array_bytes(trial, array);
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
