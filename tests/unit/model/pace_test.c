/* Where passes are cut. */
#include "engine/model/pace.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

static const double even[10] = {10, 10, 10, 10, 10, 10, 10, 10, 10, 10};

START_TEST(a_quick_pass_is_whole)
{
    ck_assert_uint_eq(pace_cut(even, 10, 1), 0);
    ck_assert_uint_eq(pace_cut(even, 0, 1), 0);
}
END_TEST

START_TEST(a_batch_takes_as_much_longer)
{
    ck_assert_uint_eq(pace_cut(even, 10, 2), 5);
    ck_assert_uint_eq(pace_cut(even, 10, 3), 3);
    ck_assert_uint_eq(pace_cut(even, 10, 8), 1);
}
END_TEST

START_TEST(the_longest_part_decides)
{
    const double uneven[8] = {1, 1, 1, 1, 60, 50, 1, 1};
    ck_assert_uint_eq(pace_cut(uneven, 8, 1), 5); /* 1+1+1+1+60, 50+1+1 */
    const double worse[8] = {1, 1, 60, 50, 60, 50, 1, 1};
    ck_assert_uint_eq(pace_cut(worse, 8, 1), 1);
}
END_TEST

START_TEST(a_dispatch_that_is_too_long_alone_stays_alone)
{
    const double slow[3] = {1, 500, 1};
    ck_assert_uint_eq(pace_cut(slow, 3, 1), 1);
    ck_assert_uint_eq(pace_cut(slow + 1, 1, 1), 0); /* one dispatch is one submission */
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("pace");
    tcase_add_test(cases, a_quick_pass_is_whole);
    tcase_add_test(cases, a_batch_takes_as_much_longer);
    tcase_add_test(cases, the_longest_part_decides);
    tcase_add_test(cases, a_dispatch_that_is_too_long_alone_stays_alone);
    return suite_run("pace", cases);
}
