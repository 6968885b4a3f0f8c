#include "server/registry.h"

#include "engine/base/clock.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEATS = 3 };
static int ends[SEATS][2];
static size_t seats[SEATS];
static struct registry *registry;

static void begin(void)
{
    struct failure failure;
    ck_assert(!registry_create(SEATS, &failure, &registry));
    for (int i = 0; i < SEATS; i++)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
}

static void end(void)
{
    registry_destroy(&registry);
    for (int i = 0; i < SEATS; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
}

/* Whether the connection is ended within so long. */
static bool is_ended(int i, int timeout_ms)
{
    struct pollfd ready = {.fd = ends[i][1], .events = POLLIN};
    return poll(&ready, 1, timeout_ms) > 0;
}

static void enter(int i, enum activity activity)
{
    seats[i] = registry_enter(registry, ends[i][0]);
    registry_begin(registry, seats[i], activity);
}

static void leave_all(void)
{
    for (int i = 0; i < SEATS; i++)
        registry_leave(registry, seats[i]);
}

START_TEST(idle_connections_go_first_and_the_oldest_of_them)
{
    enter(0, ACTIVITY_READING);
    enter(1, ACTIVITY_IDLE);
    usleep(2000);
    registry_begin(registry, seats[0], ACTIVITY_IDLE);
    ck_assert(!is_ended(0, 50) && !is_ended(1, 0)); /* there is a seat left */
    enter(2, ACTIVITY_READING);
    ck_assert(is_ended(1, 2000));
    ck_assert(!is_ended(0, 50));
    leave_all();
}
END_TEST

START_TEST(then_the_slowest)
{
    enter(0, ACTIVITY_READING);
    enter(1, ACTIVITY_WRITING);
    registry_progress(registry, seats[0], 100000);
    registry_progress(registry, seats[1], 10);
    uint64_t start_ns = clock_now_ns();
    enter(2, ACTIVITY_WORKING);
    ck_assert(!is_ended(1, 0)); /* too young to be judged */
    ck_assert(is_ended(1, 2000));
    ck_assert_double_ge(clock_elapsed_ms(start_ns), 200);
    ck_assert(!is_ended(0, 100)); /* one that goes makes room for one */
    leave_all();
}
END_TEST

START_TEST(work_is_never_ended)
{
    for (int i = 0; i < SEATS; i++)
        enter(i, ACTIVITY_WORKING);
    for (int i = 0; i < SEATS; i++)
        ck_assert(!is_ended(i, 200));
    ck_assert(registry_has_room(registry)); /* for a moment it may be full */
    usleep(2000000);
    ck_assert(!registry_has_room(registry));
    registry_leave(registry, seats[0]);
    ck_assert(registry_has_room(registry));
    seats[0] = registry_enter(registry, ends[0][0]);
    leave_all();
}
END_TEST

START_TEST(who_is_short_of_memory_ends_one_slower_reader)
{
    enter(0, ACTIVITY_READING);
    enter(1, ACTIVITY_READING);
    ck_assert(!registry_end_slower(registry, seats[1]));
    ck_assert(!is_ended(0, 50)); /* too young */
    usleep(250000);
    registry_progress(registry, seats[1], 1000);
    ck_assert(!registry_end_slower(registry, seats[0])); /* nobody is slower, and nobody ends itself */
    ck_assert(!is_ended(0, 0) && !is_ended(1, 0));
    ck_assert(registry_end_slower(registry, seats[1]));
    ck_assert(registry_was_ended(registry, seats[0]));
    enter(2, ACTIVITY_WRITING);
    ck_assert(registry_end_slower(registry, seats[1])); /* one is on its way out: no other goes */
    ck_assert(!is_ended(2, 0) && !registry_was_ended(registry, seats[2]));
    leave_all();
}
END_TEST

START_TEST(who_takes_an_answer_slowly_goes_too_where_memory_is_short)
{
    enter(0, ACTIVITY_WRITING);
    enter(1, ACTIVITY_READING);
    usleep(300000);
    registry_progress(registry, seats[0], 10);
    registry_progress(registry, seats[1], 1000);
    ck_assert(registry_end_slower(registry, seats[1]));
    ck_assert(is_ended(0, 0) && !registry_was_ended(registry, seats[1]));
    enter(2, ACTIVITY_WORKING);
    leave_all();
}
END_TEST

START_TEST(a_fast_beginning_is_soon_forgotten)
{
    enter(0, ACTIVITY_READING);
    enter(1, ACTIVITY_READING);
    registry_progress(registry, seats[0], (size_t)31 << 20);
    for (int i = 0; i < 25; i++) {
        usleep(100000);
        registry_progress(registry, seats[1], 10000);
    }
    ck_assert(registry_end_slower(registry, seats[1]));
    ck_assert(registry_was_ended(registry, seats[0]));
    enter(2, ACTIVITY_WORKING);
    leave_all();
}
END_TEST

START_TEST(a_reader_leaves_by_itself_and_is_ended_where_its_answer_takes_long)
{
    enter(0, ACTIVITY_READING);
    enter(1, ACTIVITY_WORKING);
    enter(2, ACTIVITY_WORKING);
    for (int i = 0; i < 100 && !registry_was_ended(registry, seats[0]); i++)
        usleep(20000);
    ck_assert(registry_was_ended(registry, seats[0]) && !is_ended(0, 50)); /* it can be answered */
    registry_begin(registry, seats[0], ACTIVITY_WRITING);
    ck_assert(!registry_was_ended(registry, seats[0]) && !is_ended(0, 50));
    ck_assert(is_ended(0, 2000));
    leave_all();
}
END_TEST

START_TEST(who_goes_on_sending_goes_after_the_idle_and_before_the_slow)
{
    enter(0, ACTIVITY_IDLE);
    enter(1, ACTIVITY_LINGERING);
    registry_progress(registry, seats[1], 1 << 20);
    usleep(300000);
    enter(2, ACTIVITY_WRITING);
    ck_assert(is_ended(0, 2000) && !is_ended(1, 300));
    registry_leave(registry, seats[0]);
    seats[0] = registry_enter(registry, ends[0][0]);
    ck_assert(is_ended(1, 2000) && !is_ended(2, 100));
    leave_all();
}
END_TEST

START_TEST(all_are_ended_at_last)
{
    enter(0, ACTIVITY_WORKING);
    registry_end_all(registry);
    ck_assert(is_ended(0, 0));
    enter(1, ACTIVITY_READING);
    ck_assert(is_ended(1, 0));
    enter(2, ACTIVITY_READING);
    leave_all();
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("registry");
    tcase_set_timeout(cases, 20);
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, who_takes_an_answer_slowly_goes_too_where_memory_is_short);
    tcase_add_test(cases, a_reader_leaves_by_itself_and_is_ended_where_its_answer_takes_long);
    tcase_add_test(cases, who_goes_on_sending_goes_after_the_idle_and_before_the_slow);
    tcase_add_test(cases, idle_connections_go_first_and_the_oldest_of_them);
    tcase_add_test(cases, then_the_slowest);
    tcase_add_test(cases, work_is_never_ended);
    tcase_add_test(cases, who_is_short_of_memory_ends_one_slower_reader);
    tcase_add_test(cases, a_fast_beginning_is_soon_forgotten);
    tcase_add_test(cases, all_are_ended_at_last);
    return suite_run("server/registry", cases);
}
