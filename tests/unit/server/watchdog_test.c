#include "server/watchdog.h"

#include "engine/base/clock.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int pair[2];
static struct watchdog *watchdog;

static void begin(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    watchdog = watchdog_create(2);
}

static void end(void)
{
    watchdog_destroy(&watchdog);
    close(pair[0]);
    close(pair[1]);
}

START_TEST(a_read_that_hangs_is_ended_at_the_deadline)
{
    char byte;
    uint64_t start_ns = clock_now_ns();
    size_t slot = watchdog_arm(watchdog, pair[0], SHUT_RD, start_ns + 50000000);
    ck_assert_int_eq(read(pair[0], &byte, 1), 0);
    ck_assert_double_ge(clock_elapsed_ms(start_ns), 50);
    ck_assert_double_le(clock_elapsed_ms(start_ns), 5000);
    ck_assert(watchdog_disarm(watchdog, slot));
    ck_assert_int_eq(write(pair[0], "x", 1), 1); /* the other direction still works */
}
END_TEST

START_TEST(what_is_disarmed_in_time_goes_on)
{
    char byte;
    size_t slot = watchdog_arm(watchdog, pair[0], SHUT_RDWR, clock_now_ns() + 20000000);
    ck_assert(!watchdog_disarm(watchdog, slot));
    usleep(60000);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    ck_assert_int_eq(read(pair[0], &byte, 1), 1);
}
END_TEST

START_TEST(an_earlier_deadline_does_not_wait_for_a_later_one)
{
    char byte;
    uint64_t start_ns = clock_now_ns();
    size_t late = watchdog_arm(watchdog, pair[1], SHUT_RD, start_ns + 60000000000);
    size_t early = watchdog_arm(watchdog, pair[0], SHUT_RD, start_ns + 30000000);
    ck_assert_int_eq(read(pair[0], &byte, 1), 0);
    ck_assert(watchdog_disarm(watchdog, early));
    ck_assert(!watchdog_disarm(watchdog, late));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("watchdog");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, a_read_that_hangs_is_ended_at_the_deadline);
    tcase_add_test(cases, what_is_disarmed_in_time_goes_on);
    tcase_add_test(cases, an_earlier_deadline_does_not_wait_for_a_later_one);
    return suite_run("server/watchdog", cases);
}
