#include "engine/base/clock.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
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

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static bool is_changed;

static void *change(void *context)
{
    (void)context;
    pthread_mutex_lock(&mutex);
    is_changed = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

START_TEST(waiting_ends_at_its_time_or_with_a_signal)
{
    pthread_t thread;
    uint64_t before = clock_now_ns(), until_ns = before + 20000000;
    clock_condition_init(&changed);
    pthread_mutex_lock(&mutex);
    while (clock_now_ns() < until_ns)
        clock_wait(&changed, &mutex, until_ns);
    ck_assert_double_lt(clock_elapsed_ms(before), 10000);
    ck_assert(!pthread_create(&thread, NULL, change, NULL));
    while (!is_changed)
        clock_wait(&changed, &mutex, UINT64_MAX);
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&changed);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("clock");
    tcase_add_test(cases, time_passes_forwards);
    tcase_add_test(cases, waiting_ends_at_its_time_or_with_a_signal);
    return suite_run("base/clock", cases);
}
