/* The list of devices, and what each way of choosing one gives. */
#include "engine/gpu/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/gpu/vulkan_device.h"
#include "tests/unit/gpu/gpu_test.h"

static struct gpu_device_info *infos;
static size_t info_count;

static void list_devices(void)
{
    struct failure failure = {0};
    free(infos);
    infos = NULL;
    require_ok(gpu_devices_list(&failure, &infos, &info_count), &failure);
}

/* The index of the device that `choice` opens. */
static uint32_t opened_by(const char *choice)
{
    struct failure failure = {0};
    struct gpu_device *device = NULL;
    require_ok(gpu_device_create(choice, NULL, &failure, &device), &failure);
    uint32_t index = gpu_device_info(device)->index;
    ck_assert(!gpu_device_lost(device));
    gpu_device_destroy(&device);
    ck_assert_ptr_null(device);
    gpu_device_destroy(&device); /* NULL is accepted */
    return index;
}

static void refused(const char *choice, const char *part)
{
    struct failure failure = {0};
    struct gpu_device *device = NULL;
    ck_assert_int_eq(gpu_device_create(choice, NULL, &failure, &device), STATUS_NO_DEVICE);
    ck_assert_ptr_null(device);
    ck_assert_msg(strstr(failure.sentence, part) != NULL, "\"%s\" lacks \"%s\"", failure.sentence, part);
}

START_TEST(lists_devices_in_order_of_preference)
{
    list_devices();
    ck_assert_uint_ge(info_count, 1);
    bool refused_seen = false;
    for (size_t i = 0; i < info_count; i++) {
        const struct gpu_device_info *info = &infos[i];
        ck_assert_uint_eq(info->index, i);
        ck_assert_uint_gt(strlen(info->name), 0);
        ck_assert(!(refused_seen && info->usable));
        refused_seen = refused_seen || !info->usable;
        ck_assert_int_eq(info->usable, info->refusal[0] == 0);
        if (!info->usable)
            continue;
        ck_assert_uint_eq(strlen(info->uuid), 36);
        ck_assert_uint_ge(info->push_constant_bytes, 128);
        ck_assert_uint_ge(info->subgroup_size, info->subgroup_size_min);
        ck_assert_uint_le(info->subgroup_size, info->subgroup_size_max);
        ck_assert_uint_gt(info->memory_bytes, 0);
        ck_assert_uint_ge(info->allocation_bytes_max, 1 << 30);
    }
}
END_TEST

START_TEST(matrices_come_with_shapes_or_with_a_reason)
{
    list_devices();
    for (size_t i = 0; i < info_count; i++) {
        const struct gpu_device_info *info = &infos[i];
        if (!info->usable)
            continue;
        ck_assert_int_eq(info->cooperative_matrix, info->matrix_lack == NULL);
        ck_assert_int_eq(info->cooperative_matrix2, info->matrix2_lack == NULL);
        ck_assert(!info->cooperative_matrix2 || info->cooperative_matrix);
        if (info->cooperative_matrix)
            ck_assert_uint_gt(info->matrix_shape_count, 0);
        for (uint32_t shape = 0; shape < info->matrix_shape_count; shape++)
            ck_assert_uint_gt(info->matrix_shapes[shape].m * info->matrix_shapes[shape].n *
                                  info->matrix_shapes[shape].k,
                              0);
        if (info->cooperative_matrix2) {
            ck_assert_uint_gt(info->matrix2_step_count, 0);
            ck_assert_uint_gt(info->matrix2_side_max, 0);
        }
        for (uint32_t step = 0; step < info->matrix2_step_count; step++)
            ck_assert_int_eq(info->matrix2_steps[step].invocations > 0, info->matrix2_workgroup);
    }
}
END_TEST

START_TEST(opens_by_index_and_by_uuid)
{
    list_devices();
    for (size_t i = 0; i < info_count; i++) {
        if (!infos[i].usable)
            continue;
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        ck_assert_uint_eq(opened_by(index), i);
        ck_assert_uint_eq(opened_by(infos[i].uuid), i);
        if (infos[i].pci_address[0])
            ck_assert_uint_eq(opened_by(infos[i].pci_address), i);
    }
}
END_TEST

START_TEST(cpu_means_a_cpu_driver_or_nothing)
{
    list_devices();
    bool present = false;
    for (size_t i = 0; i < info_count; i++)
        present = present || infos[i].kind == GPU_CPU;
    if (present)
        ck_assert_int_eq(infos[opened_by("cpu")].kind, GPU_CPU);
    else
        refused("cpu", "no CPU driver");
}
END_TEST

START_TEST(a_choice_that_names_nothing_is_refused)
{
    list_devices();
    char beyond[24];
    snprintf(beyond, sizeof beyond, "%zu", info_count);
    refused(beyond, "There is no device");
    refused("99999999999999999999999", "There is no device");
    refused("geforce", "No device is called \"geforce\"");
    refused("-1", "No device is called");
    refused("", "No device is called");
    refused("ffffffff-ffff-ffff-ffff-ffffffffffff", "No device is called");
}
END_TEST

START_TEST(waits_stay_limited_when_a_device_is_opened_again)
{
    struct failure failure = {0};
    struct gpu_device *device = open_device(NULL);
    VkSemaphore never = VK_NULL_HANDLE;
    gpu_device_limit_waits(device, 1000000);
    require_ok(gpu_device_reopen(&device, &failure), &failure);
    require_ok(gpu_semaphore_create(device, &failure, &never), &failure);
    const uint64_t start_ns = clock_now_ns();
    ck_assert_int_eq(gpu_semaphore_wait(device, never, 1, UINT64_C(20000000000), &failure), STATUS_TIMEOUT);
    ck_assert(clock_elapsed_ms(start_ns) < 15000);
    vkDestroySemaphore(device->handle, never, NULL);
    gpu_device_destroy(&device);
}
END_TEST

START_TEST(kinds_have_names)
{
    ck_assert_str_eq(gpu_kind_name(GPU_DISCRETE), "discrete");
    ck_assert_str_eq(gpu_kind_name(GPU_OTHER), "other");
}
END_TEST

int main(void)
{
    int result = RUN_WITHOUT_FORKING(
        "device", lists_devices_in_order_of_preference, matrices_come_with_shapes_or_with_a_reason,
        opens_by_index_and_by_uuid, cpu_means_a_cpu_driver_or_nothing, a_choice_that_names_nothing_is_refused,
        waits_stay_limited_when_a_device_is_opened_again, kinds_have_names);
    free(infos);
    return result;
}
