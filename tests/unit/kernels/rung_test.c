#include <check.h>
#include <stdlib.h>

#include "engine/kernels/kernels.h"

/* Mesa 26.1 on a CPU with 8 lanes: the only kind of device the cpu rung is for. */
static const struct gpu_device_info cpu = {.kind = GPU_CPU,
                                           .driver_id = 13,
                                           .driver_version = 26u << 22 | 1 << 12 | 6,
                                           .subgroup_size = 8,
                                           .int64 = true,
                                           .half_storage = true,
                                           .shared_memory_bytes = 32768,
                                           .workgroup_invocations_max = 1024};

static bool supported(enum rung rung, struct gpu_device_info device)
{
    const char *why_not = NULL;
    bool is = rung_supported(rung, &device, &why_not);
    ck_assert_int_eq(is, why_not == NULL);
    return is;
}

START_TEST(cpu_rung_wants_all_of_its_conditions)
{
    struct gpu_device_info device = cpu;
    ck_assert(supported(RUNG_CPU, device));
    device.driver_id = 12;
    ck_assert(!supported(RUNG_CPU, device));
    device = cpu;
    device.driver_version = 25u << 22 | 7 << 12;
    ck_assert(!supported(RUNG_CPU, device));
    device = cpu;
    device.subgroup_size = 4;
    ck_assert(!supported(RUNG_CPU, device));
    device = cpu;
    device.int64 = false;
    ck_assert(!supported(RUNG_CPU, device));
}
END_TEST

START_TEST(half_rung_wants_16_bit_storage)
{
    struct gpu_device_info device = cpu;
    ck_assert(supported(RUNG_HALF, device));
    device.half_storage = false;
    ck_assert(!supported(RUNG_HALF, device));
    ck_assert(supported(RUNG_PORTABLE, device));
}
END_TEST

START_TEST(every_rung_wants_workgroups_that_fit)
{
    struct gpu_device_info device = cpu;
    device.workgroup_invocations_max = 128;
    for (int rung = 0; rung < RUNG_COUNT; rung++)
        ck_assert(!supported(rung, device));
    device = cpu;
    device.shared_memory_bytes = 16384;
    for (int rung = 0; rung < RUNG_COUNT; rung++)
        ck_assert(!supported(rung, device));
}
END_TEST

START_TEST(best_is_the_fastest_that_is_supported)
{
    struct gpu_device_info device = cpu;
    ck_assert_int_eq(rung_best(&device), RUNG_CPU);
    device.driver_version = 1;
    ck_assert_int_eq(rung_best(&device), RUNG_PORTABLE);
    device.kind = GPU_DISCRETE;
    device.driver_id = 4;
    ck_assert_int_eq(rung_best(&device), RUNG_HALF);
    device.half_storage = false;
    ck_assert_int_eq(rung_best(&device), RUNG_PORTABLE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rung");
    TCase *cases = tcase_create("rung");
    tcase_add_test(cases, cpu_rung_wants_all_of_its_conditions);
    tcase_add_test(cases, half_rung_wants_16_bit_storage);
    tcase_add_test(cases, every_rung_wants_workgroups_that_fit);
    tcase_add_test(cases, best_is_the_fastest_that_is_supported);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
