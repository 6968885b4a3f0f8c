#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/kernels.h"

/* Mesa 26.1 on a CPU with 8 lanes: the only kind of device the cpu rung is for. */
static const struct gpu_device_info cpu = {.kind = GPU_CPU,
                                           .driver_id = 13,
                                           .driver_version = 26u << 22 | 1 << 12 | 6,
                                           .subgroup_size = 8,
                                           .int64 = true,
                                           .half_storage = true,
                                           .matrix_lack = "it has no matrices",
                                           .matrix2_lack = "it has no matrices",
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

/* The candidates' names, the first one first. */
static const char *candidates(struct gpu_device_info device, enum precision precision)
{
    static char names[128];
    enum rung rungs[RUNG_COUNT];
    size_t count = rung_candidates(&device, precision, rungs);
    names[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(names, i ? " " : "");
        strcat(names, rung_name(rungs[i]));
    }
    return names;
}

START_TEST(candidates_come_fastest_first)
{
    struct gpu_device_info device = cpu;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "cpu portable");
    ck_assert_str_eq(candidates(device, PRECISION_FP32), "cpu portable");
    ck_assert_str_eq(candidates(device, PRECISION_FP16), "portable");
    device.driver_version = 1;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "portable");
    device.kind = GPU_DISCRETE;
    device.driver_id = 4;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "half portable");
    ck_assert_str_eq(candidates(device, PRECISION_FP32), "portable");
    device.half_storage = false;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "portable");
    device.shared_memory_bytes = 16384;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "");
}
END_TEST

START_TEST(a_name_is_a_rung_that_the_device_has)
{
    struct failure failure = {0};
    enum rung rung = RUNG_COUNT;
    ck_assert_int_eq(rung_named(&cpu, "half", PRECISION_AUTO, &failure, &rung), STATUS_OK);
    ck_assert_int_eq(rung, RUNG_HALF);
    ck_assert_int_eq(rung_named(&cpu, "fast", PRECISION_AUTO, &failure, &rung), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "fast"));
    ck_assert_int_eq(rung_named(&cpu, "half", PRECISION_FP32, &failure, &rung), STATUS_BAD_REQUEST);
    struct gpu_device_info device = cpu;
    device.half_storage = false;
    ck_assert_int_eq(rung_named(&device, "half", PRECISION_AUTO, &failure, &rung), STATUS_NO_DEVICE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rung");
    TCase *cases = tcase_create("rung");
    tcase_add_test(cases, cpu_rung_wants_all_of_its_conditions);
    tcase_add_test(cases, half_rung_wants_16_bit_storage);
    tcase_add_test(cases, every_rung_wants_workgroups_that_fit);
    tcase_add_test(cases, candidates_come_fastest_first);
    tcase_add_test(cases, a_name_is_a_rung_that_the_device_has);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
