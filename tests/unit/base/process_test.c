#include "engine/base/process.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

START_TEST(descriptors_are_counted)
{
    size_t before = process_usage().descriptors;
    ck_assert_uint_gt(before, 2);
    int one = dup(0), two = dup(0);
    ck_assert_uint_eq(process_usage().descriptors, before + 2);
    close(one);
    close(two);
    ck_assert_uint_eq(process_usage().descriptors, before);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 123;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(process_usage().descriptors_max, 123);
}
END_TEST

START_TEST(memory_that_is_held_counts)
{
    const size_t size = 64 << 20;
    size_t before = process_usage().resident_bytes;
    ck_assert_uint_gt(before, 0);
    char *held = malloc(size);
    memset(held, 1, size);
    ck_assert_uint_gt(process_usage().resident_bytes, before + size / 2);
    ck_assert_int_eq(held[size - 1], 1);
    free(held);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("process");
    tcase_add_test(cases, descriptors_are_counted);
    if (memory_is_native())
        tcase_add_test(cases, memory_that_is_held_counts);
    return suite_run("base/process", cases);
}
