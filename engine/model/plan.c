#include "engine/model/plan.h"

#include <assert.h>
#include <stdlib.h>

/* Kernels may read a little past a buffer's end, so buffers keep this distance. */
enum { ALIGNMENT = 256, GUARD_BYTES = 256 };

void plan_add(struct plan *plan, struct gpu_slice *slice, size_t size_bytes, int first, int last)
{
    assert(plan->count < PLAN_BUFFERS_MAX && first <= last);
    plan->buffers[plan->count++] = (struct plan_buffer){
        .slice = slice, .size_bytes = size_bytes, .first = first, .last = last, .region = -1};
}

static size_t span_bytes(const struct plan_buffer *buffer)
{
    return round_up(buffer->size_bytes, ALIGNMENT) + GUARD_BYTES;
}

/* The least offset in `region` where `wanted` meets no placed buffer that lives at the same time. */
static size_t lowest_offset(const struct plan *plan, const struct plan_buffer *wanted, int region)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < plan->count; i++) {
            const struct plan_buffer *other = &plan->buffers[i];
            bool alive_together = other->first <= wanted->last && wanted->first <= other->last;
            if (other->region != region || !alive_together)
                continue;
            if (offset < other->offset + span_bytes(other) && other->offset < offset + span_bytes(wanted)) {
                offset = other->offset + span_bytes(other);
                moved = true;
            }
        }
    }
    return offset;
}

static struct plan_buffer *largest_unplaced(struct plan *plan)
{
    struct plan_buffer *largest = NULL;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->buffers[i].region < 0 && (!largest || plan->buffers[i].size_bytes > largest->size_bytes))
            largest = &plan->buffers[i];
    return largest;
}

enum status plan_place(struct plan *plan, size_t region_limit_bytes, struct failure *failure)
{
    for (struct plan_buffer *next; (next = largest_unplaced(plan));) {
        size_t size_bytes = span_bytes(next);
        for (int region = 0; next->region < 0; region++) {
            if (region == PLAN_REGIONS_MAX || size_bytes > region_limit_bytes)
                return failure_set(
                    failure, STATUS_TOO_LARGE,
                    "A batch this large needs an activation of %zu bytes, over the device's %zu; "
                    "choose a smaller batch.",
                    size_bytes, region_limit_bytes);
            size_t offset = lowest_offset(plan, next, region);
            if (offset + size_bytes > region_limit_bytes)
                continue;
            next->region = region;
            next->offset = offset;
            if (plan->regions <= region)
                plan->regions = region + 1;
            if (plan->region_bytes[region] < offset + size_bytes)
                plan->region_bytes[region] = offset + size_bytes;
        }
    }
    return STATUS_OK;
}

enum status plan_allocate(struct plan *plan, struct gpu_pool *pool, size_t region_limit_bytes,
                          struct failure *failure)
{
    struct gpu_slice regions[PLAN_REGIONS_MAX];
    enum status status = plan_place(plan, region_limit_bytes, failure);
    for (int i = 0; !status && i < plan->regions; i++) {
        gpu_pool_reserve(pool, plan->region_bytes[i]);
        status = gpu_pool_allocate(pool, plan->region_bytes[i], failure, &regions[i]);
    }
    for (size_t i = 0; !status && i < plan->count; i++) {
        const struct plan_buffer *buffer = &plan->buffers[i];
        const struct gpu_slice *region = &regions[buffer->region];
        *buffer->slice = (struct gpu_slice){
            .region = region->region,
            .offset = region->offset + buffer->offset,
            .size_bytes = buffer->size_bytes,
            .address = region->address + buffer->offset,
            .mapped = region->mapped ? (uint8_t *)region->mapped + buffer->offset : NULL,
        };
    }
    return status;
}
