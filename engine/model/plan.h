/* Activation memory planned once: buffers that are never needed at the same time share their place.
 *
 * Each buffer says from which stage to which it lives. Places are found first-fit, largest buffer first, in
 * as few regions as the device's limit allows.
 */
#ifndef CXRD_ENGINE_MODEL_PLAN_H
#define CXRD_ENGINE_MODEL_PLAN_H

#include "engine/gpu/memory.h"

enum { PLAN_BUFFERS_MAX = 256, PLAN_REGIONS_MAX = 16 };

struct plan_buffer {
    struct gpu_slice *slice; /* filled by plan_allocate */
    size_t size_bytes;
    int first, last; /* stages, both included */
    int region;
    size_t offset;
};

struct plan {
    struct plan_buffer buffers[PLAN_BUFFERS_MAX];
    size_t count;
    size_t region_bytes[PLAN_REGIONS_MAX]; /* what each region came to */
    int regions;
};

/* Adds a buffer; *slice is filled later, by plan_allocate. */
void plan_add(struct plan *plan, struct gpu_slice *slice, size_t size_bytes, int first, int last);

/* Finds every buffer its place in regions of at most `region_limit_bytes`. TOO_LARGE when one does not fit
 * alone. */
WARN_UNUSED enum status plan_place(struct plan *plan, size_t region_limit_bytes, struct failure *failure);

/* Places, allocates the regions from the pool, and fills the slices. */
WARN_UNUSED enum status plan_allocate(struct plan *plan, struct gpu_pool *pool, size_t region_limit_bytes,
                                      struct failure *failure);

#endif
