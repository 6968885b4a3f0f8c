/* The plan of activations: buffers alive together never overlap, others share, limits hold. */
#include "engine/model/plan.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct plan *plan;
static struct gpu_slice slices[PLAN_BUFFERS_MAX];

static void set_up(void)
{
    plan = memory_allocate(1, sizeof *plan);
}

static void tear_down(void)
{
    free(plan);
}

static void check_places(size_t limit)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_buffer *a = &plan->buffers[i];
        ck_assert_int_ge(a->region, 0);
        ck_assert_uint_eq(a->offset % 256, 0);
        ck_assert_uint_le(a->offset + a->size_bytes + 256, limit);
        ck_assert_uint_le(a->offset + a->size_bytes, plan->region_bytes[a->region]);
        for (size_t j = 0; j < i; j++) {
            const struct plan_buffer *b = &plan->buffers[j];
            bool together = a->first <= b->last && b->first <= a->last;
            bool apart = a->region != b->region || a->offset + a->size_bytes + 256 <= b->offset ||
                         b->offset + b->size_bytes + 256 <= a->offset;
            ck_assert_msg(!together || apart, "buffers %zu and %zu overlap", i, j);
        }
    }
}

START_TEST(buffers_of_different_stages_share)
{
    plan_add(plan, &slices[0], 1 << 20, 0, 0);
    plan_add(plan, &slices[1], 1 << 20, 1, 1);
    plan_add(plan, &slices[2], 1 << 18, 0, 1);
    ck_assert_int_eq(plan_place(plan, 1 << 30, NULL), STATUS_OK);
    check_places(1 << 30);
    ck_assert_int_eq(plan->regions, 1);
    ck_assert_uint_lt(plan->region_bytes[0], (1 << 20) + (1 << 19));
}
END_TEST

START_TEST(random_lifetimes_never_overlap)
{
    srand(7);
    for (int i = 0; i < 60; i++) {
        int first = rand() % 8;
        plan_add(plan, &slices[i], (size_t)(rand() % 100000) + 1, first, first + rand() % 4);
    }
    ck_assert_int_eq(plan_place(plan, 300000, NULL), STATUS_OK);
    check_places(300000);
    ck_assert_int_gt(plan->regions, 1);
}
END_TEST

START_TEST(a_buffer_over_the_limit_is_refused)
{
    struct failure failure = {0};
    plan_add(plan, &slices[0], 5000, 0, 0);
    ck_assert_int_eq(plan_place(plan, 4096, &failure), STATUS_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "smaller batch"));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("place");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, buffers_of_different_stages_share);
    tcase_add_test(cases, random_lifetimes_never_overlap);
    tcase_add_test(cases, a_buffer_over_the_limit_is_refused);
    return suite_run("plan", cases);
}
