/* Every part of a job is done once, whatever the number of threads. */
#include "engine/base/parallel.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

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
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
        return;
    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, 2), 0);
    parallel_run(2, meet, &barrier);
    pthread_barrier_destroy(&barrier);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("parallel");
    tcase_add_test(cases, every_part_is_done_once);
    tcase_add_test(cases, parts_run_side_by_side);
    return suite_run("base/parallel", cases);
}
