/* Every part of a job is done once, whatever the number of threads. */
#include "engine/base/parallel.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PARTS = 1000 };

static void count_part(void *context, size_t index)
{
    atomic_fetch_add((atomic_int *)context + index, 1);
}

START_TEST(every_part_is_done_once)
{
    static atomic_int done[PARTS];
    for (int run = 1; run <= 3; run++) {
        parallel_run(PARTS, count_part, done);
        for (size_t i = 0; i < PARTS; i++)
            ck_assert_int_eq(done[i], run);
    }
    parallel_run(1, count_part, done);
    ck_assert_int_eq(done[0], 4);
    ck_assert_int_eq(done[1], 3);
    parallel_run(0, count_part, done);
    ck_assert_int_eq(done[0], 4);
}
END_TEST

/* Both parts wait for each other: one thread alone would wait for ever. */
static void meet(void *context, size_t index)
{
    (void)index;
    pthread_barrier_wait(context);
}

START_TEST(parts_run_side_by_side)
{
    pthread_barrier_t barrier;
    if (core_count() < 2)
        return;
    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, 2), 0);
    parallel_run(2, meet, &barrier);
    pthread_barrier_destroy(&barrier);
}
END_TEST

/* A container or `taskset` may leave fewer cores than the machine has. */
START_TEST(cores_are_those_this_thread_may_use)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    ck_assert_uint_eq(core_count(), (size_t)CPU_COUNT(&all));
    for (int core = 0; !CPU_COUNT(&one); core++)
        if (CPU_ISSET(core, &all))
            CPU_SET(core, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_uint_eq(core_count(), 1);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("parallel");
    tcase_add_test(cases, every_part_is_done_once);
    tcase_add_test(cases, parts_run_side_by_side);
    tcase_add_test(cases, cores_are_those_this_thread_may_use);
    return suite_run("base/parallel", cases);
}
