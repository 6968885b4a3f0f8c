#include "api/turns.h"
#include "engine/base/clock.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAITERS = 4 };

static struct turns turns;
static const struct patience for_ever;
static size_t order[WAITERS];
static atomic_size_t had;

static void take(void)
{
    struct failure failure;
    ck_assert_int_eq(turns_take(&turns, &for_ever, &failure), STATUS_OK);
}

static void *wait_and_return(void *number)
{
    struct failure failure;
    if (turns_take(&turns, &for_ever, &failure))
        return NULL;
    order[atomic_fetch_add(&had, 1)] = *(size_t *)number;
    turns_return(&turns);
    return NULL;
}

static struct turn *last_waiter(void)
{
    pthread_mutex_lock(&turns.lock);
    struct turn *last = turns.last;
    pthread_mutex_unlock(&turns.lock);
    return last;
}

START_TEST(who_has_waited_longest_goes_next)
{
    pthread_t threads[WAITERS];
    size_t numbers[WAITERS];
    turns_init(&turns, 2);
    take();
    take();
    for (size_t i = 0; i < WAITERS; i++) {
        numbers[i] = i;
        struct turn *before = last_waiter();
        ck_assert(!pthread_create(&threads[i], NULL, wait_and_return, &numbers[i]));
        while (last_waiter() == before) /* so that each waits before the next comes */
            usleep(1000);
    }
    ck_assert_uint_eq(atomic_load(&had), 0);
    turns_return(&turns);
    for (size_t i = 0; i < WAITERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < WAITERS; i++)
        ck_assert_uint_eq(order[i], i);
    take(); /* the one that came back */
    turns_return(&turns);
    turns_return(&turns);
    turns_finish(&turns);
}
END_TEST

static bool gone_at_the_second_look(void *looks)
{
    return ++*(int *)looks == 2;
}

START_TEST(waiting_ends_with_the_patience)
{
    struct failure failure = {0};
    int looks = 0;
    turns_init(&turns, 0);
    take();
    const struct patience late = {.deadline_ns = clock_now_ns() + 30000000};
    const struct patience leaving = {.gone = gone_at_the_second_look, .client = &looks};
    ck_assert_int_eq(turns_take(&turns, &late, &failure), STATUS_TIMEOUT);
    ck_assert_uint_ge(clock_now_ns(), late.deadline_ns);
    ck_assert_int_eq(turns_take(&turns, &leaving, &failure), STATUS_CLIENT_GONE);
    turns_return(&turns);
    take(); /* those who left have no turn */
    turns_return(&turns);
    turns_finish(&turns);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("turns");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, who_has_waited_longest_goes_next);
    tcase_add_test(cases, waiting_ends_with_the_patience);
    return suite_run("api/turns", cases);
}
