/* Inside kernels/: what a trial has on the device, and how it is filled, run and looked at. */
#ifndef CXRD_ENGINE_KERNELS_TRIAL_ARRAY_H
#define CXRD_ENGINE_KERNELS_TRIAL_ARRAY_H

#include "engine/kernels/set.h"

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

/* Its random numbers are the same each time. */
void trial_begin(struct trial *trial, const struct kernels *kernels, struct failure *failure);
/* Gives back what the trial has; not after TIMEOUT, when the device may still use all of it. */
enum status trial_end(struct trial *trial);
/* Submits the recorder, which is finished, and waits, no longer than the device's waits are limited to. */
void trial_run(struct trial *trial);
/* Zeros on the device. */
struct gpu_slice trial_reserve(struct trial *trial, size_t size_bytes);

/* Random numbers of an element's precision up to `scale`, on the host only; the caller frees `values`. */
struct array array_random(struct trial *trial, enum element element, size_t count, float scale);
void array_reserve(struct trial *trial, struct array *array);
void array_upload(struct trial *trial, struct array *array);
/* Weights [n][k], packed as the kernels want them. */
void array_upload_packed(struct trial *trial, struct array *array, size_t n, size_t k);
/* The largest error of what the device holds against what is expected (NaN: not written), each relative to
 * the value or, for small ones, to the array's size. */
double array_error(struct trial *trial, const struct array *array, const float *expected);
/* Whether two arrays hold the same bits. */
bool array_same(struct trial *trial, const struct array *a, const struct array *b);

#endif
