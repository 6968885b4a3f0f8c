/* Weights from where they are kept to the device, in the form the kernels read them.
 *
 * A loader stops at its first failure: later calls do nothing and give zeros, so that loading code reads as
 * the list of what is loaded; loader->status says at the end whether all of it was.
 */
#ifndef CXRD_ENGINE_MODEL_LOADER_H
#define CXRD_ENGINE_MODEL_LOADER_H

#include "engine/gpu/memory.h"
#include "engine/kernels/kernels.h"
#include "engine/weights/safetensors.h"

struct loader {
    struct gpu_device *device;
    const struct kernels *kernels;
    struct gpu_pool *pool;          /* where everything loaded lies */
    const struct safetensors *file; /* where tensors are read from; NULL: random values (bench) */
    uint64_t seed;                  /* of the random values */
    struct failure *failure;
    enum status status;
};

/* One GEMM's constants on the device. */
struct dense {
    uint64_t weights, bias; /* packed; float32 [n] */
    uint32_t n, k;          /* padded: n to 16, k to 64 */
};

/* A LayerNorm's constants on the device, float32 [width] each. */
struct norm {
    uint64_t weight, bias;
};

/* Whether the tensor exists. Random weights have every tensor. */
bool loader_has(const struct loader *loader, const char *format, ...) PRINTF_LIKE(2, 3);

/* A tensor as float32 on the host, which the caller frees; its shape must be [rows, columns], or [rows] when
 * columns is 0; leading and trailing dimensions of 1 do not count. NULL after a failure. */
float *loader_read(struct loader *loader, size_t rows, size_t columns, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Copies float32 values to the device; gives the address, 0 after a failure. `values` may be NULL then. */
uint64_t loader_floats(struct loader *loader, const float *values, size_t count);

/* Packs a weight matrix and its bias [n] (NULL: zeros), which has the same gains and order, for the GEMM. The
 * columns of a paired one are padded so that what is made of them, half as many, can be a K. */
struct dense loader_dense(struct loader *loader, const struct gemm_weights *weights, const float *bias);

/* The same of the tensor [weights->n, weights->k] of that name, which is not copied before where its floats
 * can be read in place; weights->values is ignored. */
struct dense loader_dense_tensor(struct loader *loader, const struct gemm_weights *weights, const float *bias,
                                 const char *format, ...) PRINTF_LIKE(4, 5);

/* Reads "<name>.weight" and "<name>.bias", each of `width` values. */
struct norm loader_norm(struct loader *loader, size_t width, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
