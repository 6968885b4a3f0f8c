/* The queue without devices: turns, withdrawal, all or nothing, closing, shares of several workers. */
#include "engine/base/clock.h"
#include "tests/unit/model/jobs.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LIMIT = 100, CALL_IMAGES_MAX = 100 };

static struct queue *queue;
static atomic_bool hung_up;

/* One request on its own thread. Its image number i has the first byte `value` and the second i. */
struct call {
    pthread_t thread;
    uint8_t value;
    size_t count;
    struct patience client;
    enum status status;
    struct failure failure;
};

static void *run_call(void *context)
{
    struct call *call = context;
    struct batcher_image images[CALL_IMAGES_MAX];
    struct answer answers[CALL_IMAGES_MAX];
    for (size_t i = 0; i < call->count; i++)
        images[i] = image_of(call->value, (uint8_t)i);
    call->status = queue_run(queue, images, call->count, &call->client, &call->failure, answers);
    for (size_t i = 0; i < call->count && !call->status; i++) {
        ck_assert_float_eq(answers[i].logits[0][0], (float)(1000 * call->value + i));
        answer_finish(&answers[i]);
    }
    return NULL;
}

/* Starts a request and waits until it is queued. */
static void begin(struct call *call, uint8_t value, size_t count)
{
    size_t before = queue_depth(queue);
    call->value = value;
    call->count = count;
    pthread_create(&call->thread, NULL, run_call, call);
    while (queue_depth(queue) < before + count)
        usleep(100);
}

static enum status end(struct call *call)
{
    pthread_join(call->thread, NULL);
    return call->status;
}

static void expect_order(struct job **jobs, uint32_t count, const char *order)
{
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(jobs[i]->image.pixels[0], order[i]);
}

START_TEST(requests_take_turns)
{
    struct call large = {0}, small = {0}, other = {0};
    struct job *jobs[8];
    begin(&large, 'l', 10);
    begin(&small, 's', 1);
    begin(&other, 'o', 3);
    ck_assert_uint_eq(queue_take(queue, 4, 0, jobs), 4);
    expect_order(jobs, 4, "lsol");
    answer_jobs(queue, jobs, 4);
    ck_assert_int_eq(end(&small), STATUS_OK);
    ck_assert_uint_eq(queue_take(queue, 4, 0, jobs), 4);
    expect_order(jobs, 4, "olol");
    answer_jobs(queue, jobs, 4);
    ck_assert_int_eq(end(&other), STATUS_OK);
    ck_assert_uint_eq(queue_take(queue, 8, 0, jobs), 6);
    answer_jobs(queue, jobs, 6);
    ck_assert_int_eq(end(&large), STATUS_OK);
    ck_assert_uint_eq(queue_depth(queue), 0);
}
END_TEST

static bool gone(void *client)
{
    (void)client;
    return hung_up;
}

START_TEST(a_client_that_hangs_up_takes_its_images_back)
{
    struct call call = {.client = {.gone = gone}}, other = {0};
    struct job *jobs[4];
    begin(&call, 'c', 10);
    begin(&other, 'o', 1);
    ck_assert_uint_eq(queue_take(queue, 3, 0, jobs), 3);
    uint64_t start_ns = clock_now_ns();
    hung_up = true;
    ck_assert_int_eq(end(&call), STATUS_CLIENT_GONE);
    ck_assert_double_lt(clock_elapsed_ms(start_ns), 500);
    ck_assert_uint_eq(queue_depth(queue), 0);
    answer_jobs(queue, jobs, 3); /* two of them for nobody */
    ck_assert_int_eq(end(&other), STATUS_OK);
}
END_TEST

START_TEST(a_deadline_withdraws_what_waits)
{
    struct call call = {.client = {.deadline_ns = clock_now_ns() + 1000000000}};
    struct job *jobs[1];
    begin(&call, 'c', 3);
    ck_assert_uint_eq(queue_take(queue, 1, 0, jobs), 1);
    ck_assert_int_eq(end(&call), STATUS_TIMEOUT);
    ck_assert_uint_ge(clock_now_ns(), call.client.deadline_ns);
    ck_assert_uint_eq(queue_depth(queue), 0);
    answer_jobs(queue, jobs, 1);
}
END_TEST

START_TEST(one_failed_image_fails_its_request_and_no_other)
{
    struct call call = {0}, other = {0};
    struct job *jobs[4];
    struct failure failure;
    begin(&call, 'c', 5);
    begin(&other, 'o', 1);
    ck_assert_uint_eq(queue_take(queue, 4, 0, jobs), 4);
    expect_order(jobs, 4, "cocc");
    failure_set(&failure, STATUS_DEVICE, "As the test asked.");
    queue_return(queue, jobs, 1, &failure);
    ck_assert_uint_eq(queue_depth(queue), 0);
    answer_jobs(queue, jobs + 1, 3);
    ck_assert_int_eq(end(&call), STATUS_DEVICE);
    ck_assert_str_eq(call.failure.sentence, "As the test asked.");
    ck_assert_int_eq(end(&other), STATUS_OK);
}
END_TEST

START_TEST(without_workers_all_are_answered_until_one_joins)
{
    struct call running = {0}, waiting = {0}, late = {.count = 1}, after = {0};
    struct job *jobs[2];
    struct failure failure;
    begin(&running, 'r', 1);
    ck_assert_uint_eq(queue_take(queue, 1, 0, jobs), 1);
    begin(&waiting, 'w', 2);
    failure_set(&failure, STATUS_DEVICE_LOST, "As the test asked.");
    queue_join(queue); /* a second one */
    queue_leave(queue, &failure);
    ck_assert_uint_eq(queue_depth(queue), 2);
    queue_leave(queue, &failure);
    ck_assert_int_eq(end(&waiting), STATUS_DEVICE_LOST);
    run_call(&late);
    ck_assert_int_eq(late.status, STATUS_DEVICE_LOST);
    answer_jobs(queue, jobs, 1); /* was taken before */
    ck_assert_int_eq(end(&running), STATUS_OK);
    queue_join(queue);
    begin(&after, 'a', 1);
    ck_assert_uint_eq(queue_take(queue, 1, 0, jobs), 1);
    answer_jobs(queue, jobs, 1);
    ck_assert_int_eq(end(&after), STATUS_OK);
}
END_TEST

START_TEST(an_ended_queue_lets_its_workers_go)
{
    struct call call = {.count = 1};
    struct job *jobs[1];
    queue_end(queue);
    queue_join(queue); /* too late */
    ck_assert_uint_eq(queue_take(queue, 1, 0, jobs), 0);
    run_call(&call);
    ck_assert_int_eq(call.status, STATUS_UNAVAILABLE);
}
END_TEST

START_TEST(the_limit_counts_images_that_wait)
{
    struct call call = {0}, late = {.count = 50};
    struct job *jobs[60];
    begin(&call, 'c', 60);
    run_call(&late);
    ck_assert_int_eq(late.status, STATUS_QUEUE_FULL);
    ck_assert_str_eq(late.failure.sentence, "The queue of 100 images is full; try again.");
    ck_assert_uint_eq(queue_take(queue, 60, 0, jobs), 60);
    begin(&late, 'l', 50);
    answer_jobs(queue, jobs, 60);
    ck_assert_uint_eq(queue_take(queue, 60, 0, jobs), 50);
    answer_jobs(queue, jobs, 50);
    ck_assert_int_eq(end(&call) | end(&late), STATUS_OK);
}
END_TEST

/* Of 100 places 25 are left to requests of one image; an empty queue takes what fits. */
START_TEST(large_requests_leave_room_for_small_ones)
{
    struct call large = {0}, late = {.count = 2}, small[25] = {0}, last = {.count = 1};
    struct job *jobs[100];
    begin(&large, 'l', 75);
    run_call(&late);
    ck_assert_int_eq(late.status, STATUS_QUEUE_FULL);
    for (uint8_t i = 0; i < 25; i++)
        begin(&small[i], i, 1);
    run_call(&last);
    ck_assert_int_eq(last.status, STATUS_QUEUE_FULL);
    ck_assert_uint_eq(queue_take(queue, 100, 0, jobs), 100);
    answer_jobs(queue, jobs, 100);
    ck_assert_int_eq(end(&large), STATUS_OK);
    for (size_t i = 0; i < 25; i++)
        ck_assert_int_eq(end(&small[i]), STATUS_OK);
    begin(&large, 'l', 100);
    ck_assert_uint_eq(queue_take(queue, 100, 0, jobs), 100);
    answer_jobs(queue, jobs, 100);
    ck_assert_int_eq(end(&large), STATUS_OK);
}
END_TEST

START_TEST(more_than_there_is_ever_room_for_is_told_apart)
{
    struct queue *room = queue;
    queue = queue_create(3);
    queue_join(queue);
    struct call large = {.value = 'l', .count = 4};
    run_call(&large);
    ck_assert_int_eq(large.status, STATUS_TOO_LARGE);
    ck_assert_str_eq(large.failure.sentence,
                     "The request has 4 images, and the queue holds at most 3; send fewer at once.");
    struct call fits = {0};
    struct job *jobs[3];
    begin(&fits, 'f', 3);
    ck_assert_uint_eq(queue_take(queue, 3, 0, jobs), 3);
    answer_jobs(queue, jobs, 3);
    ck_assert_int_eq(end(&fits), STATUS_OK);
    queue_end(queue);
    queue_destroy(&queue);
    queue = room;
}
END_TEST

START_TEST(only_a_full_batch_is_taken_behind_another)
{
    struct call call = {0};
    struct job *jobs[4];
    begin(&call, 'c', 3);
    ck_assert_uint_eq(queue_take_full(queue, 4, jobs), 0);
    ck_assert_uint_eq(queue_take_full(queue, 3, jobs), 3);
    answer_jobs(queue, jobs, 3);
    ck_assert_int_eq(end(&call), STATUS_OK);
}
END_TEST

static void *take_and_answer(void *count)
{
    struct job *jobs[8];
    uint32_t taken = queue_take(queue, 8, 0, jobs);
    *(uint32_t *)count = taken;
    answer_jobs(queue, jobs, taken);
    return NULL;
}

START_TEST(workers_that_wait_share)
{
    struct call call = {0};
    uint32_t counts[2] = {0};
    pthread_t workers[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&workers[i], NULL, take_and_answer, &counts[i]);
    usleep(100000); /* both wait by then */
    call.value = 'c';
    call.count = 6;
    run_call(&call);
    for (int i = 0; i < 2; i++) {
        pthread_join(workers[i], NULL);
        ck_assert_uint_eq(counts[i], 3);
    }
}
END_TEST

START_TEST(a_batch_waits_to_fill_only_so_long)
{
    struct call call = {0};
    struct job *jobs[4];
    uint64_t start_ns = clock_now_ns();
    begin(&call, 'c', 2);
    ck_assert_uint_eq(queue_take(queue, 2, 10000000, jobs), 2); /* full at once */
    ck_assert_double_lt(clock_elapsed_ms(start_ns), 5000);
    answer_jobs(queue, jobs, 2);
    ck_assert_int_eq(end(&call), STATUS_OK);
    start_ns = clock_now_ns();
    begin(&call, 'c', 2);
    ck_assert_uint_eq(queue_take(queue, 4, 50000, jobs), 2);
    ck_assert_double_ge(clock_elapsed_ms(start_ns), 50);
    answer_jobs(queue, jobs, 2);
    ck_assert_int_eq(end(&call), STATUS_OK);
}
END_TEST

static void create(void)
{
    queue = queue_create(LIMIT);
    queue_join(queue);
    hung_up = false;
}

static void destroy(void)
{
    ck_assert_uint_eq(queue_depth(queue), 0);
    queue_destroy(&queue);
}

int main(void)
{
    TCase *cases = tcase_create("queue");
    tcase_set_timeout(cases, 30);
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, requests_take_turns);
    tcase_add_test(cases, a_client_that_hangs_up_takes_its_images_back);
    tcase_add_test(cases, a_deadline_withdraws_what_waits);
    tcase_add_test(cases, one_failed_image_fails_its_request_and_no_other);
    tcase_add_test(cases, without_workers_all_are_answered_until_one_joins);
    tcase_add_test(cases, an_ended_queue_lets_its_workers_go);
    tcase_add_test(cases, the_limit_counts_images_that_wait);
    tcase_add_test(cases, large_requests_leave_room_for_small_ones);
    tcase_add_test(cases, more_than_there_is_ever_room_for_is_told_apart);
    tcase_add_test(cases, only_a_full_batch_is_taken_behind_another);
    tcase_add_test(cases, workers_that_wait_share);
    tcase_add_test(cases, a_batch_waits_to_fill_only_so_long);
    return suite_run("queue", cases);
}
