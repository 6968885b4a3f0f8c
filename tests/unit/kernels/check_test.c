/* The check of kernels at start: it passes on every rung that a device runs, and notices kernels that are
 * wrong. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels/set.h"

static struct gpu_device *device;

static struct kernels *create(enum rung rung)
{
    struct failure failure = {0};
    struct kernels *kernels = NULL;
    const enum element weights = rung_takes(rung, ELEMENT_F32) ? ELEMENT_F32 : ELEMENT_F16;
    ck_assert_msg(kernels_create(device, rung, weights, &failure, &kernels) == STATUS_OK, "%s",
                  failure.sentence);
    return kernels;
}

static void expect_wrong(const struct kernels *kernels, const char *operation)
{
    struct failure failure = {0};
    ck_assert_int_eq(kernels_check(kernels, &failure), STATUS_DEVICE);
    ck_assert_msg(strstr(failure.sentence, operation) != NULL, "\"%s\" lacks \"%s\"", failure.sentence,
                  operation);
}

START_TEST(right_kernels_pass)
{
    for (enum rung rung = 0; rung < RUNG_COUNT; rung++) {
        struct failure failure = {0};
        const char *why_not = NULL;
        if (!rung_supported(rung, gpu_device_info(device), &why_not))
            continue;
        struct kernels *kernels = create(rung);
        ck_assert_msg(kernels_check(kernels, &failure) == STATUS_OK, "%s", failure.sentence);
        kernels_destroy(&kernels);
    }
}
END_TEST

START_TEST(wrong_kernels_are_noticed)
{
    struct kernels *kernels = create(RUNG_PORTABLE);
    kernels->rung = RUNG_CPU; /* packs weights in an order that these kernels do not expect */
    expect_wrong(kernels, "product");
    kernels->rung = RUNG_PORTABLE;
    struct gpu_pipeline *attention = kernels->attention;
    kernels->attention = kernels->tokens; /* leaves the output as it was */
    expect_wrong(kernels, "attention");
    kernels->attention = attention;
    kernels_destroy(&kernels);
}
END_TEST

START_TEST(the_best_rung_is_chosen_unless_named)
{
    struct failure failure = {0};
    struct kernels *kernels = NULL;
    ck_assert_int_eq(kernels_choose(device, NULL, PRECISION_AUTO, &failure, &kernels), STATUS_OK);
    ck_assert_int_eq(kernels_rung(kernels), rung_best(gpu_device_info(device)));
    kernels_destroy(&kernels);
    ck_assert_int_eq(kernels_choose(device, "portable", PRECISION_FP16, &failure, &kernels), STATUS_OK);
    ck_assert_int_eq(kernels_rung(kernels), RUNG_PORTABLE);
    ck_assert_int_eq(kernels_weights(kernels), ELEMENT_F16);
    kernels_destroy(&kernels);
    ck_assert_int_eq(kernels_choose(device, "warp", PRECISION_AUTO, &failure, &kernels), STATUS_BAD_REQUEST);
    ck_assert_ptr_null(kernels);
}
END_TEST

int main(void)
{
    struct failure failure = {0};
    if (gpu_device_create("auto", NULL, &failure, &device) != STATUS_OK) {
        printf("skipped: %s\n", failure.sentence);
        return failure.status == STATUS_NO_DEVICE ? 77 : EXIT_FAILURE;
    }
    Suite *suite = suite_create("check");
    TCase *tests = tcase_create("check");
    tcase_set_timeout(tests, 0); /* Meson has one */
    tcase_add_test(tests, right_kernels_pass);
    tcase_add_test(tests, wrong_kernels_are_noticed);
    tcase_add_test(tests, the_best_rung_is_chosen_unless_named);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* a Vulkan device does not survive a fork */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    gpu_device_destroy(&device);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
