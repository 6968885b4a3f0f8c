#include "tests/unit/gpu/gpu_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/file.h"

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

struct gpu_device *test_device;
char test_folder[] = "/tmp/cxrd-device-XXXXXX";

/* Where Mesa keeps what it compiles by itself: the engine would have it keep it in the device's folder. */
static void share_compiled(void)
{
    const char *caches = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *folder = caches && *caches ? memory_copy_text(caches) : home ? file_join(home, ".cache") : NULL;
    if (folder)
        setenv("MESA_SHADER_CACHE_DIR", folder, 0);
    free(folder);
}

static void test_device_open(void)
{
    share_compiled();
    test_device = open_device(test_folder);
}

static void test_device_close(void)
{
    gpu_device_destroy(&test_device);
}

/* The fixture, unless NULL, is around all of the tests. */
static int run(const char *name, const TTest *const *tests, size_t count, SFun before, SFun after)
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
    if (before)
        tcase_add_unchecked_fixture(group, before, after);
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

int run_without_forking(const char *name, const TTest *const *tests, size_t count)
{
    return run(name, tests, count, NULL, NULL);
}

int run_on_device(const char *name, const TTest *const *tests, size_t count)
{
    char command[64];
    if (!mkdtemp(test_folder))
        return EXIT_FAILURE;
    int result = run(name, tests, count, test_device_open, test_device_close);
    snprintf(command, sizeof command, "rm -rf %s", test_folder);
    return system(command) == 0 ? result : EXIT_FAILURE;
}
