#include "engine/base/clock.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

START_TEST(time_passes_forwards)
{
    uint64_t before = clock_now_ns(), previous = before;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_now_ns();
        ck_assert_uint_ge(now, previous);
        previous = now;
    }
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    double elapsed_ms = clock_elapsed_ms(before);
    ck_assert_double_ge(elapsed_ms, 20);
    ck_assert_double_lt(elapsed_ms, 10000);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("clock");
    tcase_add_test(cases, time_passes_forwards);
    return suite_run("base/clock", cases);
}
