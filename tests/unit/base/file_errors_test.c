/* What is said of files where the system refuses a call: its calls are replaced by ones that fail on request.
 */
#include "engine/base/file.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int stat_error, read_error; /* 0: none */
static bool ends_early;

int fstat(int descriptor, struct stat *info)
{
    if (!stat_error)
        return fstatat(descriptor, "", info, AT_EMPTY_PATH);
    errno = stat_error;
    return -1;
}

ssize_t read(int descriptor, void *out, size_t size)
{
    if (!read_error)
        return ends_early ? 0 : syscall(SYS_read, descriptor, out, size);
    errno = read_error;
    return -1;
}

static void refused(const char *reason)
{
    char path[] = "/tmp/cxrd_file_errors_XXXXXX", sentence[128];
    struct failure failure = {0};
    struct bytes content;
    int descriptor = mkstemp(path);
    ck_assert(write(descriptor, "text", 4) == 4 && !close(descriptor));
    ck_assert_int_eq(file_read(path, 100, &failure, &content), STATUS_INVALID_FILE);
    snprintf(sentence, sizeof sentence, "%s: %s.", path, reason);
    ck_assert_str_eq(failure.sentence, sentence);
    if (stat_error) {
        struct file_mapping mapping;
        ck_assert_int_eq(file_map(path, &failure, &mapping), STATUS_INVALID_FILE);
        ck_assert_str_eq(failure.sentence, sentence);
    }
    unlink(path);
}

START_TEST(the_systems_reason_is_told)
{
    stat_error = ESTALE;
    refused(strerror(ESTALE));
    stat_error = 0;
    read_error = EIO;
    refused(strerror(EIO));
    read_error = 0;
    ends_early = true;
    refused("it was cut short while it was read");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("file_errors");
    tcase_add_test(cases, the_systems_reason_is_told);
    return suite_run("base/file_errors", cases);
}
