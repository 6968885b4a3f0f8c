/* cxrd devices: both formats tell of the same devices, and wrong usage is exit code 2. */
#include "cli/command.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/gpu/device.h"

static struct gpu_device_info *infos;
static size_t info_count;

/* Runs `devices` with one argument or none; what it printed is in `printed`. */
static int run(const char *argument, char printed[65536])
{
    char *argv[] = {"devices", (char *)argument, NULL};
    optind = 0;
    fflush(stdout);
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    int exit_code = command_devices(argument ? 2 : 1, argv);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    printed[fread(printed, 1, 65535, file)] = 0;
    fclose(file);
    return exit_code;
}

static char printed[65536];

START_TEST(the_table_has_a_row_a_device)
{
    ck_assert_int_eq(run(NULL, printed), EXIT_DONE);
    ck_assert_int_eq(strncmp(printed, "INDEX  NAME", 11), 0);
    for (size_t i = 0; i < info_count; i++) {
        ck_assert_ptr_nonnull(strstr(printed, infos[i].name));
        ck_assert_ptr_nonnull(strstr(printed, infos[i].usable ? infos[i].uuid : infos[i].refusal));
    }
    ck_assert_int_eq(run("--format=table", printed), EXIT_DONE);
    ck_assert_int_eq(strncmp(printed, "INDEX  NAME", 11), 0);
}
END_TEST

START_TEST(json_has_a_member_a_device)
{
    struct failure failure = {0};
    struct json *document = NULL;
    ck_assert_int_eq(run("--format=json", printed), EXIT_DONE);
    const struct bytes text = {(const uint8_t *)printed, strlen(printed)};
    ck_assert_int_eq(json_parse(text, (struct json_limits){8, 1 << 20}, &failure, &document), STATUS_OK);
    const struct json *devices = json_member(document, "devices");
    ck_assert_uint_eq(json_length(devices), info_count);
    const struct json *device = json_first(devices);
    for (size_t i = 0; i < info_count; i++, device = json_next(device)) {
        int64_t index = -1;
        ck_assert(json_integer(json_member(device, "index"), 0, 64, &index));
        ck_assert_uint_eq((size_t)index, i);
        ck_assert_str_eq(json_text(json_member(device, "name")), infos[i].name);
        if (infos[i].usable)
            ck_assert_uint_ge(json_length(json_member(device, "rungs")), 1);
        ck_assert_int_eq(json_text(json_member(device, "rung")) != NULL, infos[i].usable);
        ck_assert_int_eq(json_text(json_member(device, "refusal")) != NULL, !infos[i].usable);
    }
    json_destroy(&document);
}
END_TEST

START_TEST(wrong_usage_is_said)
{
    ck_assert_int_eq(run("--format=xml", printed), EXIT_USAGE);
    ck_assert_int_eq(run("--colour", printed), EXIT_USAGE);
    ck_assert_int_eq(run("more", printed), EXIT_USAGE);
    ck_assert_str_eq(printed, "");
    ck_assert_int_eq(run("--help", printed), EXIT_DONE);
    ck_assert_int_eq(strncmp(printed, "usage: cxrd devices", 19), 0);
}
END_TEST

int main(void)
{
    struct failure failure = {0};
    if (gpu_devices_list(&failure, &infos, &info_count) != STATUS_OK) {
        fprintf(stderr, "skipped: %s\n", failure.sentence);
        return failure.status == STATUS_NO_DEVICE ? 77 : EXIT_FAILURE;
    }
    Suite *suite = suite_create("devices");
    TCase *tests = tcase_create("devices");
    tcase_add_test(tests, the_table_has_a_row_a_device);
    tcase_add_test(tests, json_has_a_member_a_device);
    tcase_add_test(tests, wrong_usage_is_said);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* a Vulkan driver does not survive a fork */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    free(infos);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
