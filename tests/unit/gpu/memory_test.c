/* Slices: alignment, zeroes, guard zones, and copies larger than the staging buffer. */
#include "engine/gpu/memory.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/gpu/gpu_test.h"

static struct gpu_slice allocate(struct gpu_pool *pool, size_t size_bytes)
{
    struct failure failure = {0};
    struct gpu_slice slice = {0};
    require_ok(gpu_pool_allocate(pool, size_bytes, &failure, &slice), &failure);
    return slice;
}

static struct gpu_pool *create(struct gpu_device *device, enum gpu_memory memory)
{
    struct failure failure = {0};
    struct gpu_pool *pool = NULL;
    require_ok(gpu_pool_create(device, memory, &failure, &pool), &failure);
    return pool;
}

START_TEST(slices_are_aligned_apart_and_zero)
{
    struct gpu_device *device = open_device(NULL);
    for (enum gpu_memory memory = GPU_MEMORY_DEVICE; memory <= GPU_MEMORY_READBACK; memory++) {
        struct failure failure = {0};
        struct gpu_pool *pool = create(device, memory);
        const size_t sizes[] = {1, 256, 257, 100000, 0};
        uint64_t end = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct gpu_slice slice = allocate(pool, sizes[i]);
            ck_assert_uint_eq(slice.address % 256, 0);
            ck_assert_uint_ge(slice.size_bytes, sizes[i]);
            ck_assert_uint_eq(slice.size_bytes % 256, 0);
            if (i > 0) /* the same region: the guard lies between */
                ck_assert_uint_ge(slice.address, end + 256);
            end = slice.address + slice.size_bytes;
            if (memory != GPU_MEMORY_DEVICE)
                ck_assert_ptr_nonnull(slice.mapped);
            uint8_t *content = malloc(slice.size_bytes);
            memset(content, 0xff, slice.size_bytes);
            require_ok(gpu_slice_read(device, &slice, 0, content, slice.size_bytes, &failure), &failure);
            uint8_t *zeroes = calloc(slice.size_bytes, 1);
            ck_assert_mem_eq(content, zeroes, slice.size_bytes);
            free(zeroes);
            free(content);
        }
        gpu_pool_destroy(&pool);
        ck_assert_ptr_null(pool);
    }
    gpu_device_destroy(&device);
}
END_TEST

START_TEST(a_reserve_makes_one_region_of_that_size)
{
    struct gpu_device *device = open_device(NULL);
    struct gpu_pool *pool = create(device, GPU_MEMORY_DEVICE);
    ck_assert_uint_eq(gpu_pool_size_bytes(pool), 0);
    gpu_pool_reserve(pool, 40 << 20);
    (void)allocate(pool, 1000);
    size_t taken = gpu_pool_size_bytes(pool);
    ck_assert_uint_ge(taken, 40 << 20);
    ck_assert_uint_le(taken, 41 << 20);
    (void)allocate(pool, 39 << 20);
    ck_assert_uint_eq(gpu_pool_size_bytes(pool), taken);
    (void)allocate(pool, 2 << 20);
    ck_assert_uint_gt(gpu_pool_size_bytes(pool), taken);
    gpu_pool_destroy(&pool);
    gpu_device_destroy(&device);
}
END_TEST

START_TEST(a_slice_over_the_maximum_is_refused)
{
    struct gpu_device *device = open_device(NULL);
    struct gpu_pool *pool = create(device, GPU_MEMORY_DEVICE);
    struct failure failure = {0};
    struct gpu_slice slice = {0};
    const size_t sizes[] = {(size_t)1 << 30, SIZE_MAX - 100, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert_int_eq(gpu_pool_allocate(pool, sizes[i], &failure, &slice), STATUS_TOO_LARGE);
        ck_assert_ptr_null(slice.region);
    }
    ck_assert_uint_eq(gpu_pool_size_bytes(pool), 0);
    gpu_pool_destroy(&pool);
    gpu_device_destroy(&device);
}
END_TEST

/* Written and read at odd offsets, with more than the staging buffer holds. `mapped` is taken away to go
 * through staging also where the host could reach the memory. */
static void round_trip(struct gpu_device *device, bool staged)
{
    struct failure failure = {0};
    struct gpu_pool *pool = create(device, GPU_MEMORY_DEVICE);
    size_t size = (70 << 20) + 13, offset = 7;
    struct gpu_slice slice = allocate(pool, size + offset);
    if (staged)
        slice.mapped = NULL;
    uint8_t *sent = malloc(size), *received = malloc(size);
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        sent[i] = (uint8_t)(state >> 24);
    }
    require_ok(gpu_slice_write(device, &slice, offset, sent, size, &failure), &failure);
    require_ok(gpu_slice_read(device, &slice, offset, received, size, &failure), &failure);
    ck_assert_mem_eq(sent, received, size);
    uint8_t before[7] = {1};
    require_ok(gpu_slice_read(device, &slice, 0, before, sizeof before, &failure), &failure);
    ck_assert_mem_eq(before, ((uint8_t[7]){0}), sizeof before);
    free(sent);
    free(received);
    gpu_pool_destroy(&pool);
}

START_TEST(what_is_written_is_read_back)
{
    struct gpu_device *device = open_device(NULL);
    round_trip(device, false);
    round_trip(device, true);
    gpu_device_destroy(&device);
}
END_TEST

int main(void)
{
    return RUN_WITHOUT_FORKING("memory", slices_are_aligned_apart_and_zero,
                               a_reserve_makes_one_region_of_that_size, a_slice_over_the_maximum_is_refused,
                               what_is_written_is_read_back);
}
