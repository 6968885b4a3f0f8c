/* What the device's arithmetic can do at all: float32 multiply-adds on registers alone, for `cxrd bench`. No
 * part of a set of kernels, which is compiled at every start. */
#ifndef CXRD_ENGINE_KERNELS_PEAK_H
#define CXRD_ENGINE_KERNELS_PEAK_H

#include "engine/gpu/recorder.h"

/* Compiles the kernel; the caller destroys the pipeline. */
WARN_UNUSED enum status peak_create(struct gpu_device *device, struct failure *failure,
                                    struct gpu_pipeline **out);
/* How much memory peak_record writes. */
size_t peak_out_bytes(const struct gpu_device *device);
/* Records one dispatch, a fraction of a second on a slow device; gives its floating-point operations. */
double peak_record(const struct gpu_device *device, struct gpu_recorder *recorder,
                   const struct gpu_pipeline *pipeline, uint64_t out);

#endif
