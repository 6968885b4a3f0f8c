#include "engine/base/clock.h"
#include "engine/base/patience.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

static bool answer(void *client)
{
    return *(bool *)client;
}

START_TEST(work_goes_on_while_somebody_waits_in_time)
{
    struct failure failure = {0};
    bool gone = false;
    struct patience patience = {clock_now_ns() + UINT64_C(60000000000), answer, &gone};
    ck_assert_int_eq(patience_check(NULL, "it was tried", &failure), STATUS_OK);
    ck_assert_int_eq(patience_check(&(struct patience){0}, "it was tried", &failure), STATUS_OK);
    ck_assert_int_eq(patience_check(&patience, "it was tried", &failure), STATUS_OK);
    gone = true;
    ck_assert_int_eq(patience_check(&patience, "it was tried", &failure), STATUS_CLIENT_GONE);
}
END_TEST

START_TEST(a_deadline_says_what_it_cut_off)
{
    struct failure failure = {0};
    struct patience patience = {.deadline_ns = clock_now_ns() - 1};
    ck_assert_int_eq(patience_check(&patience, "it was tried", &failure), STATUS_TIMEOUT);
    ck_assert_str_eq(failure.sentence, "The request's deadline passed while it was tried.");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("patience");
    tcase_add_test(cases, work_goes_on_while_somebody_waits_in_time);
    tcase_add_test(cases, a_deadline_says_what_it_cut_off);
    return suite_run("base/patience", cases);
}
