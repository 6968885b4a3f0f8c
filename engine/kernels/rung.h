/* Rungs: families of variants of the kernels, and which of them a device can run.
 *
 * A rung is a family of variants: it fixes the element types and the shape of the GEMM and attention kernels.
 *
 *   portable   Vulkan 1.2, float32 arithmetic and activations; weights float32, or float16 pairs in words
 *   half       16-bit storage: activations that feed a GEMM are float16, accumulation float32
 *   matrix     the same on cooperative matrices of a subgroup (VK_KHR_cooperative_matrix)
 *   matrix2    the same on those of any size, a workgroup's on GPUs (VK_NV_cooperative_matrix2)
 *   cpu        CPU drivers of Mesa 26 and later with subgroups of 8: their own GEMM and attention, float32
 */
#ifndef CXRD_ENGINE_KERNELS_RUNG_H
#define CXRD_ENGINE_KERNELS_RUNG_H

#include "engine/gpu/device.h"
#include "engine/kernels/precision.h"

enum rung { RUNG_PORTABLE, RUNG_HALF, RUNG_MATRIX, RUNG_MATRIX2, RUNG_CPU, RUNG_COUNT };
const char *rung_name(enum rung rung);
/* False, and why not, where the device cannot run it. */
bool rung_supported(enum rung rung, const struct gpu_device_info *device, const char **why_not);

/* The rungs worth trying on a device for a precision, the one expected to be fastest first; how many. */
size_t rung_candidates(const struct gpu_device_info *device, enum precision precision,
                       enum rung candidates[RUNG_COUNT]);
/* The rung called `name`. Fails with BAD_REQUEST (no such rung, or it does not compute in that precision) and
 * NO_DEVICE (the device cannot run it). */
WARN_UNUSED enum status rung_named(const struct gpu_device_info *device, const char *name,
                                   enum precision precision, struct failure *failure, enum rung *out);

enum element { ELEMENT_F32, ELEMENT_F16 };
static inline size_t element_size_bytes(enum element element)
{
    return element == ELEMENT_F16 ? 2 : 4;
}

/* Whether the rung's GEMM takes weights held so. One that does not take float32 has float16 activations. */
bool rung_takes(enum rung rung, enum element weights);
/* How a rung that computes in the precision holds its weights. */
enum element rung_weights(const struct gpu_device_info *device, enum rung rung, enum precision precision);

const char *precision_name(enum precision precision); /* "auto", "fp16" or "fp32" */
/* False when it is none of them. */
bool precision_read(const char *name, enum precision *out);

#endif
