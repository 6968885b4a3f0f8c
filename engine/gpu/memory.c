#include "engine/gpu/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/parallel.h"
#include "engine/gpu/vulkan_device.h"

enum {
    SLICE_ALIGNMENT = 256,
    GUARD_BYTES = 256,
    PAGE_BYTES = 4096,
    REGION_BYTES_USUAL = 16 << 20,
    PART_BYTES = 1 << 20
};
static const size_t region_bytes_max = (size_t)1 << 30;

/* A region and how far it is given away. */
struct pool_region {
    struct gpu_region region;
    size_t used_bytes;
    struct pool_region *next;
};

struct gpu_pool {
    struct gpu_device *device;
    enum gpu_memory memory;
    size_t reserved_bytes, size_bytes;
    bool apart;
    struct pool_region *regions; /* the newest first */
};

enum status gpu_pool_create(struct gpu_device *device, enum gpu_memory memory, struct failure *failure,
                            struct gpu_pool **out)
{
    (void)failure;
    struct gpu_pool *pool = memory_allocate(1, sizeof *pool);
    pool->device = device;
    pool->memory = memory;
    *out = pool;
    return STATUS_OK;
}

void gpu_pool_destroy(struct gpu_pool **pool)
{
    struct gpu_pool *old = *pool;
    *pool = NULL;
    if (!old)
        return;
    for (struct pool_region *at = old->regions, *next; at; at = next) {
        next = at->next;
        gpu_region_finish(&at->region);
        free(at);
    }
    free(old);
}

size_t gpu_pool_size_bytes(const struct gpu_pool *pool)
{
    return pool->size_bytes;
}

void gpu_pool_reserve(struct gpu_pool *pool, size_t size_bytes)
{
    pool->reserved_bytes = size_bytes + size_bytes / 64 + 65536; /* rounding and guards */
}

void gpu_pool_keep_apart(struct gpu_pool *pool)
{
    pool->apart = true;
}

static size_t region_maximum(const struct gpu_device *device)
{
    uint64_t maximum = device->physical.info.allocation_bytes_max;
    return maximum && maximum < region_bytes_max ? (size_t)maximum / SLICE_ALIGNMENT * SLICE_ALIGNMENT
                                                 : region_bytes_max;
}

static void part_zero(void *context, size_t part)
{
    const struct gpu_region *region = context;
    size_t begin = part * PART_BYTES, left = region->size_bytes - begin;
    memset((uint8_t *)region->mapped + begin, 0, left < PART_BYTES ? left : PART_BYTES);
}

/* On all cores where the host does it: most of the time is the system's, for finding the pages. */
static enum status region_zero(const struct gpu_pool *pool, const struct gpu_region *region,
                               struct failure *failure)
{
    if (!region->mapped)
        return gpu_transfer_zero(pool->device, region, failure);
    parallel_run((region->size_bytes + PART_BYTES - 1) / PART_BYTES, part_zero, (void *)region);
    return STATUS_OK;
}

/* A new region that holds at least `need` bytes, at the head of the pool's list. */
static enum status region_add(struct gpu_pool *pool, size_t need, struct failure *failure)
{
    size_t maximum = region_maximum(pool->device);
    size_t size = need + SLICE_ALIGNMENT; /* the region's own address may not be aligned */
    if (pool->apart)
        size = round_up(need, PAGE_BYTES);
    else if (pool->reserved_bytes + SLICE_ALIGNMENT > size)
        size = pool->reserved_bytes + SLICE_ALIGNMENT;
    else if (size < REGION_BYTES_USUAL)
        size = REGION_BYTES_USUAL;
    size = round_up(size, SLICE_ALIGNMENT);
    if (size > maximum)
        size = maximum;
    struct pool_region *added = memory_allocate(1, sizeof *added);
    enum status status = gpu_region_init(&added->region, pool->device, pool->memory, size, failure);
    if (status != STATUS_OK)
        goto free_added;
    status = region_zero(pool, &added->region, failure);
    if (status != STATUS_OK)
        goto finish_region;
    added->used_bytes =
        pool->apart ? size - need : round_up(added->region.address, SLICE_ALIGNMENT) - added->region.address;
    added->next = pool->regions;
    pool->regions = added;
    pool->size_bytes += size;
    pool->reserved_bytes = pool->reserved_bytes > size ? pool->reserved_bytes - size : 0;
    return STATUS_OK;
finish_region:
    gpu_region_finish(&added->region);
free_added:
    free(added);
    return status;
}

enum status gpu_pool_allocate(struct gpu_pool *pool, size_t size_bytes, struct failure *failure,
                              struct gpu_slice *out)
{
    size_t maximum = region_maximum(pool->device);
    if (size_bytes > maximum - 2 * SLICE_ALIGNMENT - GUARD_BYTES)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "A buffer of %zu MiB is more than this device takes in one piece (%zu MiB): lower "
                           "the batch size.",
                           size_bytes >> 20, maximum >> 20);
    size_t rounded = size_bytes ? round_up(size_bytes, SLICE_ALIGNMENT) : SLICE_ALIGNMENT;
    size_t need = pool->apart ? rounded : rounded + GUARD_BYTES;
    struct pool_region *at = pool->regions;
    while (at && !pool->apart && at->region.size_bytes - at->used_bytes < need)
        at = at->next;
    if (!at || pool->apart) {
        enum status status = region_add(pool, need, failure);
        if (status != STATUS_OK)
            return status;
        at = pool->regions;
    }
    *out = (struct gpu_slice){
        .region = &at->region,
        .offset = at->used_bytes,
        .size_bytes = rounded,
        .address = at->region.address + at->used_bytes,
        .mapped = at->region.mapped ? (uint8_t *)at->region.mapped + at->used_bytes : NULL,
    };
    at->used_bytes += need;
    return STATUS_OK;
}

enum status gpu_slice_write(struct gpu_device *device, const struct gpu_slice *slice, size_t offset,
                            const void *data, size_t size_bytes, struct failure *failure)
{
    assert(offset <= slice->size_bytes && size_bytes <= slice->size_bytes - offset);
    if (!slice->mapped)
        return gpu_transfer_write(device, slice->region, slice->offset + offset, data, size_bytes, failure);
    memcpy((uint8_t *)slice->mapped + offset, data, size_bytes);
    return STATUS_OK;
}

enum status gpu_slice_read(struct gpu_device *device, const struct gpu_slice *slice, size_t offset,
                           void *data, size_t size_bytes, struct failure *failure)
{
    assert(offset <= slice->size_bytes && size_bytes <= slice->size_bytes - offset);
    if (!slice->mapped)
        return gpu_transfer_read(device, slice->region, slice->offset + offset, data, size_bytes, failure);
    memcpy(data, (const uint8_t *)slice->mapped + offset, size_bytes);
    return STATUS_OK;
}
