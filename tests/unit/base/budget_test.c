#include "engine/base/budget.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>

START_TEST(no_more_is_taken_than_there_is)
{
    struct budget budget = {.limit_bytes = 100};
    ck_assert(budget_take(&budget, 60));
    ck_assert(!budget_take(&budget, 41));
    ck_assert(budget_take(&budget, 40));
    ck_assert(!budget_take(&budget, 1));
    budget_give(&budget, 60);
    ck_assert(!budget_take(&budget, SIZE_MAX));
    ck_assert(budget_take(&budget, 60));
    budget_give(&budget, 100);
    ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

static void *take_and_give(void *argument)
{
    struct budget *budget = argument;
    for (int i = 0; i < 20000; i++)
        if (budget_take(budget, 3))
            budget_give(budget, 3);
    return NULL;
}

START_TEST(threads_share_it)
{
    struct budget budget = {.limit_bytes = 7};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert(!pthread_create(&threads[i], NULL, take_and_give, &budget));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("budget");
    tcase_add_test(cases, no_more_is_taken_than_there_is);
    tcase_add_test(cases, threads_share_it);
    return suite_run("base/budget", cases);
}
