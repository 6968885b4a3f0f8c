/* Device memory: a few large regions, handed out in slices.
 *
 * A pool takes regions of at most 1 GiB from the driver and cuts slices off them; slices live as long as
 * their pool. A slice is addressed from shaders by its buffer device address. On devices whose memory the
 * host can reach (CPU drivers, integrated GPUs) slices are written in place; else through bounded staging. A
 * pool is used by one thread at a time.
 */
#ifndef CXRD_ENGINE_GPU_MEMORY_H
#define CXRD_ENGINE_GPU_MEMORY_H

#include "engine/gpu/device.h"

enum gpu_memory {
    GPU_MEMORY_DEVICE,   /* fastest for the device; host-visible too where all memory is one */
    GPU_MEMORY_UPLOAD,   /* mapped for the host to write, coherent */
    GPU_MEMORY_READBACK, /* mapped for the host to read, cached where there is such memory, coherent */
};

struct gpu_region; /* one VkBuffer bound to one VkDeviceMemory */

struct gpu_slice {
    const struct gpu_region *region;
    size_t offset, size_bytes;
    uint64_t address; /* for shaders; at least 256-byte aligned */
    void *mapped;     /* for the host, or NULL */
};

struct gpu_pool;
WARN_UNUSED enum status gpu_pool_create(struct gpu_device *device, enum gpu_memory memory,
                                        struct failure *failure, struct gpu_pool **out);
void gpu_pool_destroy(struct gpu_pool **pool);
size_t gpu_pool_size_bytes(const struct gpu_pool *pool); /* taken from the driver so far */

/* Says how much is about to be allocated, so that the next regions together have that size and a little for
 * rounding and guards, each up to the maximum. */
void gpu_pool_reserve(struct gpu_pool *pool, size_t size_bytes);

/* From here on every slice has a region to itself, of whole pages, and ends where it ends, with no guard: so
 * a validation layer, which knows regions only, and on a CPU driver a fence of pages see what reads or writes
 * past it. For tests: drivers allow few regions. */
void gpu_pool_keep_apart(struct gpu_pool *pool);

/* A slice of size_bytes (rounded up to 256) followed by at least 256 bytes that belong to nobody. Contents
 * are zero at first. Fails with OUT_OF_MEMORY when the device has no more, TOO_LARGE over the region's
 * maximum. */
WARN_UNUSED enum status gpu_pool_allocate(struct gpu_pool *pool, size_t size_bytes, struct failure *failure,
                                          struct gpu_slice *out);

/* Copies between host and slice, directly or through staging; returns when done. Not for the hot path. */
WARN_UNUSED enum status gpu_slice_write(struct gpu_device *device, const struct gpu_slice *slice,
                                        size_t offset, const void *data, size_t size_bytes,
                                        struct failure *failure);
WARN_UNUSED enum status gpu_slice_read(struct gpu_device *device, const struct gpu_slice *slice,
                                       size_t offset, void *data, size_t size_bytes, struct failure *failure);

#endif
