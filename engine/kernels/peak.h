/* What the device can do at all, for `cxrd bench`: float32 multiply-adds on registers alone, and a copy. No
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

WARN_UNUSED enum status copy_create(struct gpu_device *device, struct failure *failure,
                                    struct gpu_pipeline **out);
/* Records one dispatch that copies size_bytes, a multiple of 16 KiB. */
void copy_record(struct gpu_recorder *recorder, const struct gpu_pipeline *pipeline, uint64_t from,
                 uint64_t to, size_t size_bytes);

#endif
