#include "server/control_group.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char mount[64];

static void begin(void)
{
    snprintf(mount, sizeof mount, "/tmp/cxrd-group-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(mount));
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", mount);
    ck_assert_int_eq(system(command), 0);
}

static void folder(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", mount, name);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", mount, name);
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
}

static size_t limit(const char *membership)
{
    char path[256];
    file("membership", membership);
    snprintf(path, sizeof path, "%s/membership", mount);
    return control_group_memory_bytes(path, mount);
}

START_TEST(the_least_limit_on_the_way_up_binds)
{
    folder("system.slice");
    folder("system.slice/cxrd.service");
    file("system.slice/memory.max", "3000\n");
    file("system.slice/cxrd.service/memory.max", "max\n");
    ck_assert_uint_eq(limit("0::/system.slice/cxrd.service\n"), 3000);
    file("system.slice/cxrd.service/memory.max", "2000\n");
    ck_assert_uint_eq(limit("0::/system.slice/cxrd.service\n"), 2000);
    ck_assert_uint_eq(limit("0::/system.slice\n"), 3000);
    ck_assert_uint_eq(limit("0::/\n"), SIZE_MAX);
    file("memory.max", "1000\n"); /* a container's own root */
    ck_assert_uint_eq(limit("0::/system.slice/cxrd.service\n"), 1000);
    ck_assert_uint_eq(limit("0::/\n"), 1000);
    ck_assert_uint_eq(limit("0::/../elsewhere\n"), 1000);
}
END_TEST

START_TEST(version_1_has_a_hierarchy_for_memory)
{
    folder("memory");
    folder("memory/docker");
    file("memory/docker/memory.limit_in_bytes", "4096\n");
    ck_assert_uint_eq(limit("12:cpu,cpuacct:/docker\n7:memory:/docker\n0::/x\n"), 4096);
    ck_assert_uint_eq(limit("7:hugetlb,memory:/docker/box\n"), 4096);
    ck_assert_uint_eq(limit("7:memoryx,xmemory:/docker\n"), SIZE_MAX);
}
END_TEST

START_TEST(nothing_limits_where_nothing_is_said)
{
    ck_assert_uint_eq(control_group_memory_bytes("/nowhere", mount), SIZE_MAX);
    ck_assert_uint_eq(limit(""), SIZE_MAX);
    ck_assert_uint_eq(limit("no colon\n0\n"), SIZE_MAX);
    file("memory.max", "what?\n");
    ck_assert_uint_eq(limit("0::/\n"), SIZE_MAX);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_test(all, the_least_limit_on_the_way_up_binds);
    tcase_add_test(all, version_1_has_a_hierarchy_for_memory);
    tcase_add_test(all, nothing_limits_where_nothing_is_said);
    return suite_run("server/control_group", all);
}
