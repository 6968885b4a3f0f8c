/* Requests whose images come one after the other: places are reserved before, and given back. */
#include "tests/unit/model/jobs.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { LIMIT = 100 };

static struct queue *queue;

START_TEST(an_image_is_computed_while_the_next_is_prepared)
{
    struct queue_request *request;
    struct answer answers[3];
    struct job *jobs[4];
    const struct batcher_image images[] = {image_of('i', 0), image_of('i', 1), image_of('i', 2)};
    ck_assert_int_eq(queue_reserve(queue, 4, NULL, &request), STATUS_OK);
    ck_assert_uint_eq(queue_take_full(queue, 1, jobs), 0);
    ck_assert_int_eq(queue_add(request, &images[0], 1, NULL), STATUS_OK);
    ck_assert_uint_eq(queue_take(queue, 4, 0, jobs), 1);
    answer_jobs(queue, jobs, 1);
    ck_assert_int_eq(queue_add(request, &images[1], 2, NULL), STATUS_OK);
    queue_give_back(request, 1); /* the last image was none */
    ck_assert_uint_eq(queue_take(queue, 4, 0, jobs), 2);
    answer_jobs(queue, jobs, 2);
    ck_assert_int_eq(queue_wait(request, &(struct patience){0}, NULL, answers), STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_float_eq(answers[i].logits[0][0], (float)(1000 * 'i' + i));
        answer_finish(&answers[i]);
    }
    ck_assert_int_eq(queue_reserve(queue, LIMIT, NULL, &request), STATUS_OK); /* all places are free again */
    ck_assert_int_eq(queue_wait(request, &(struct patience){0}, NULL, answers),
                     STATUS_OK); /* no image was good */
}
END_TEST

START_TEST(a_place_is_reserved_before_its_image_is_there)
{
    struct queue_request *large, *small;
    struct failure failure;
    ck_assert_int_eq(queue_reserve(queue, LIMIT, &failure, &large), STATUS_OK);
    ck_assert_int_eq(queue_reserve(queue, 1, &failure, &small), STATUS_QUEUE_FULL);
    queue_give_back(large, 1);
    ck_assert_int_eq(queue_reserve(queue, 1, &failure, &small), STATUS_OK);
    queue_abandon(small);
    queue_abandon(large);
    ck_assert_int_eq(queue_reserve(queue, LIMIT, &failure, &large), STATUS_OK);
    queue_abandon(large);
}
END_TEST

START_TEST(a_request_that_has_failed_takes_no_more_images)
{
    struct queue_request *request;
    const struct failure lost = {STATUS_DEVICE_LOST, "The device was lost."};
    const struct batcher_image first = image_of('f', 0), second = image_of('f', 1);
    struct failure failure;
    struct job *jobs[1];
    ck_assert_int_eq(queue_reserve(queue, 2, NULL, &request), STATUS_OK);
    ck_assert_int_eq(queue_add(request, &first, 1, NULL), STATUS_OK);
    ck_assert_uint_eq(queue_take(queue, 1, 0, jobs), 1);
    queue_return(queue, jobs, 1, &lost);
    ck_assert_int_eq(queue_add(request, &second, 1, &failure), STATUS_DEVICE_LOST);
    ck_assert_str_eq(failure.sentence, lost.sentence);
    ck_assert_uint_eq(queue_depth(queue), 0);
    queue_abandon(request);

    ck_assert_int_eq(queue_reserve(queue, 1, NULL, &request), STATUS_OK);
    queue_leave(queue, &lost); /* nobody is left to compute it */
    const struct batcher_image third = image_of('f', 2);
    ck_assert_int_eq(queue_add(request, &third, 1, &failure), STATUS_DEVICE_LOST);
    queue_join(queue);
    queue_abandon(request);
}
END_TEST

START_TEST(who_gives_up_leaves_what_runs_to_its_worker)
{
    struct queue_request *request;
    const struct batcher_image images[] = {image_of('g', 0), image_of('g', 1)};
    struct job *jobs[2];
    ck_assert_int_eq(queue_reserve(queue, 3, NULL, &request), STATUS_OK);
    ck_assert_int_eq(queue_add(request, images, 2, NULL), STATUS_OK);
    ck_assert_uint_eq(queue_take(queue, 1, 0, jobs), 1);
    queue_abandon(request);
    ck_assert_uint_eq(queue_depth(queue), 0);
    answer_jobs(queue, jobs, 1);
    ck_assert_int_eq(queue_reserve(queue, LIMIT, NULL, &request), STATUS_OK);
    queue_abandon(request);
}
END_TEST

static void create(void)
{
    queue = queue_create(LIMIT);
    queue_join(queue);
}

static void destroy(void)
{
    ck_assert_uint_eq(queue_depth(queue), 0);
    queue_destroy(&queue);
}

int main(void)
{
    TCase *cases = tcase_create("reserve");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, an_image_is_computed_while_the_next_is_prepared);
    tcase_add_test(cases, a_place_is_reserved_before_its_image_is_there);
    tcase_add_test(cases, a_request_that_has_failed_takes_no_more_images);
    tcase_add_test(cases, who_gives_up_leaves_what_runs_to_its_worker);
    return suite_run("reserve", cases);
}
