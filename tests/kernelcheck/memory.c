/* Where the arrays of a case are: side by side in one buffer, or each in its own. */
#include "tests/kernelcheck/kernelcheck.h"

#include <assert.h>

static const size_t memory_bytes = (size_t)128 << 20, bench_memory_bytes = (size_t)768 << 20;

void check_start(struct check *check, struct gpu_device *device)
{
    check->device = device;
    if (check->compile) /* RADV's null device has no memory */
        return;
    struct failure failure = {0};
    size_t size_bytes = check->bench ? bench_memory_bytes : memory_bytes;
    check_demand(gpu_pool_create(device, GPU_MEMORY_DEVICE, &failure, &check->pool), &failure);
    if (check->apart)
        return;
    gpu_pool_reserve(check->pool, size_bytes);
    check_demand(gpu_pool_allocate(check->pool, size_bytes, &failure, &check->memory), &failure);
}

void check_finish(struct check *check)
{
    gpu_pool_destroy(&check->pool);
}

void check_memory_clear(struct check *check)
{
    struct failure failure = {0};
    check->memory_used = 0;
    if (!check->apart)
        return;
    gpu_pool_destroy(&check->pool);
    check_demand(gpu_pool_create(check->device, GPU_MEMORY_DEVICE, &failure, &check->pool), &failure);
    gpu_pool_keep_apart(check->pool);
}

struct gpu_slice check_memory_take(struct check *check, size_t size_bytes)
{
    struct gpu_slice slice = check->memory;
    struct failure failure = {0};
    if (check->apart) {
        check_demand(gpu_pool_allocate(check->pool, size_bytes, &failure, &slice), &failure);
        return slice;
    }
    slice.offset += check->memory_used;
    slice.size_bytes = size_bytes;
    slice.address += check->memory_used;
    if (slice.mapped)
        slice.mapped = (uint8_t *)slice.mapped + check->memory_used;
    check->memory_used += round_up(size_bytes, 256);
    assert(check->memory_used <= check->memory.size_bytes);
    return slice;
}
