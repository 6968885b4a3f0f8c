#include "tests/unit/gpu/gpu_test.h"

#include <stdio.h>
#include <stdlib.h>

static const uint32_t fill_words[] = {
#include "tests/unit/gpu/fill.inc"
};
const struct gpu_shader fill_shader = {"fill", fill_words, sizeof fill_words};

void require_ok(enum status status, const struct failure *failure)
{
    ck_assert_msg(status == STATUS_OK, "%s: %s", status_name(status), failure->sentence);
}

struct gpu_device *open_device(const char *cache_folder)
{
    struct failure failure = {0};
    struct gpu_device *device = NULL;
    require_ok(gpu_device_create(getenv("CXRD_TEST_DEVICE"), cache_folder, &failure, &device), &failure);
    return device;
}

int run_without_forking(const char *name, const TTest *const *tests, size_t count)
{
    struct failure failure = {0};
    struct gpu_device_info *infos = NULL;
    size_t found = 0;
    if (gpu_devices_list(&failure, &infos, &found) == STATUS_NO_DEVICE) {
        fprintf(stderr, "skipped: %s\n", failure.sentence);
        return 77;
    }
    free(infos);
    Suite *suite = suite_create(name);
    TCase *group = tcase_create(name);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(group, tests[i]);
    suite_add_tcase(suite, group);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
