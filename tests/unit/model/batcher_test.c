/* The batcher: batches, order, bounds, deadlines, clients that leave, several devices. */
#include "engine/base/clock.h"
#include "tests/unit/model/fake_model.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

START_TEST(answers_in_order)
{
    struct batcher_image images[11];
    struct answer answers[11];
    start(64, 0);
    for (int i = 0; i < 11; i++)
        images[i] = image_of((uint8_t)(10 * i));
    ck_assert_int_eq(queue_run(batcher_queue(batcher), images, 11, &patient, NULL, answers), STATUS_OK);
    for (int i = 0; i < 11; i++) {
        ck_assert_float_eq(answers[i].logits[0][0], (float)(10 * i));
        ck_assert_float_eq(answers[i].attention[0][0], (float)(10 * i + 1));
        ck_assert_ptr_null(answers[i].attention[1]);
        answer_finish(&answers[i]);
    }
    ck_assert_int_eq(fake.largest, MAX_BATCH);
    struct lane_counts counts;
    uint64_t images_counted = 0;
    batcher_count(batcher, &counts);
    for (size_t i = 0; i < LANE_BATCH_MAX; i++)
        images_counted += counts.batch_sizes[i] * (i + 1);
    ck_assert_uint_eq(images_counted, 11);
    ck_assert_uint_ge(counts.batch_sizes[MAX_BATCH - 1], 1);
    ck_assert_uint_eq(counts.losses, 0);
    batcher_destroy(&batcher);
}
END_TEST

START_TEST(gathers_requests_into_batches)
{
    pthread_t threads[40];
    start(64, 20000);
    for (uintptr_t i = 0; i < 40; i++)
        pthread_create(&threads[i], NULL, run_in_thread, (void *)(i + 1));
    for (uintptr_t i = 0; i < 40; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ck_assert_ptr_eq(result, (void *)(i + 1));
    }
    ck_assert_int_lt(fake.batches, 40);
    batcher_destroy(&batcher);
}
END_TEST

/* One batch runs, a full one goes behind it, and answers still find their images. */
START_TEST(a_full_batch_goes_behind_the_running_one)
{
    struct batcher_image images[23];
    struct answer answers[23];
    for (uint32_t in_flight = 1; in_flight <= MODEL_IN_FLIGHT_MAX; in_flight++) {
        fake.in_flight_max = in_flight;
        fake.submitted = fake.landed = 0;
        fake.most_in_flight = 0;
        fake.delay_ms = 200;
        start(64, 0);
        for (int i = 0; i < 23; i++)
            images[i] = image_of((uint8_t)(10 * i));
        ck_assert_int_eq(queue_run(batcher_queue(batcher), images, 23, &patient, NULL, answers), STATUS_OK);
        for (int i = 0; i < 23; i++) {
            ck_assert_float_eq(answers[i].logits[0][0], (float)(10 * i));
            ck_assert_double_ge(answers[i].inference_ms, 100);
            ck_assert_double_lt(answers[i].inference_ms, 380); /* without the wait behind another batch */
            answer_finish(&answers[i]);
        }
        ck_assert_int_eq(fake.most_in_flight, (int)in_flight);
        batcher_destroy(&batcher);
    }
}
END_TEST

/* The fake model sees to it that no batch was submitted in between. */
START_TEST(patch_tokens_are_read_before_another_batch)
{
    struct batcher_image images[23];
    struct answer answers[23];
    for (uint32_t in_flight = 1; in_flight <= MODEL_IN_FLIGHT_MAX; in_flight++) {
        fake.in_flight_max = in_flight;
        fake.submitted = fake.landed = 0;
        fake.patch_reads = 0;
        fake.delay_ms = 10;
        start(64, 0);
        for (int i = 0; i < 23; i++) {
            images[i] = image_of((uint8_t)(10 * i));
            images[i].patches = i % 9 == 0;
        }
        ck_assert_int_eq(queue_run(batcher_queue(batcher), images, 23, &patient, NULL, answers), STATUS_OK);
        for (int i = 0; i < 23; i++) {
            ck_assert_float_eq(answers[i].class_token[0], (float)(10 * i));
            ck_assert_float_eq(answers[i].mean[0], (float)(10 * i + 1));
            ck_assert(!answers[i].patches.data == (i % 9 != 0));
            if (answers[i].patches.data)
                ck_assert_float_eq(*(float *)answers[i].patches.data, (float)(10 * i));
            answer_finish(&answers[i]);
        }
        ck_assert_int_eq(fake.patch_reads, 3);
        batcher_destroy(&batcher);
    }
}
END_TEST

static atomic_bool hung_up;

static bool gone(void *client)
{
    return client == &hung_up && hung_up;
}

static void *hang_up(void *unused)
{
    usleep(20000);
    hung_up = true;
    return unused;
}

START_TEST(images_of_a_client_that_has_gone_are_not_computed)
{
    struct batcher_image images[40];
    struct answer answers[40];
    struct failure failure;
    pthread_t thread;
    const struct patience client = {.gone = gone, .client = &hung_up};
    start(64, 0);
    fake.delay_ms = 100;
    for (int i = 0; i < 40; i++)
        images[i] = image_of(1);
    pthread_create(&thread, NULL, hang_up, NULL);
    uint64_t start_ns = clock_now_ns();
    ck_assert_int_eq(queue_run(batcher_queue(batcher), images, 40, &client, &failure, answers),
                     STATUS_CLIENT_GONE);
    ck_assert_double_lt(clock_elapsed_ms(start_ns), 400);
    ck_assert_uint_eq(queue_depth(batcher_queue(batcher)), 0);
    pthread_join(thread, NULL);
    batcher_destroy(&batcher);
    ck_assert_int_le(fake.batches, 4); /* of ten */
}
END_TEST

START_TEST(refuses_what_does_not_fit)
{
    struct batcher_image images[5];
    struct answer answers[5];
    struct failure failure;
    start(4, 0);
    for (int i = 0; i < 5; i++)
        images[i] = image_of(1);
    ck_assert_int_eq(queue_run(batcher_queue(batcher), images, 5, &patient, &failure, answers),
                     STATUS_TOO_LARGE);
    ck_assert_str_eq(failure.sentence,
                     "The request has 5 images, and the queue holds at most 4; send fewer at once.");
    ck_assert_uint_eq(queue_depth(batcher_queue(batcher)), 0);
    batcher_destroy(&batcher);
}
END_TEST

START_TEST(a_deadline_fires_while_a_batch_runs)
{
    struct answer answer;
    start(8, 0);
    fake.delay_ms = 300;
    uint64_t start_ns = clock_now_ns();
    ck_assert_int_eq(run_one(1, start_ns + 50000000, NULL, &answer), STATUS_TIMEOUT);
    ck_assert_double_lt(clock_elapsed_ms(start_ns), 250);
    fake.delay_ms = 0;
    ck_assert_int_eq(run_one(2, 0, NULL, &answer), STATUS_OK);
    ck_assert_float_eq(answer.logits[0][0], 2);
    answer_finish(&answer);
    batcher_destroy(&batcher);
}
END_TEST

START_TEST(devices_share_the_work)
{
    struct batcher_image images[24];
    struct answer answers[24];
    fake.delay_ms = 20;
    second.delay_ms = 60;
    start_devices(2, 64, 0);
    for (int i = 0; i < 24; i++)
        images[i] = image_of((uint8_t)(10 * i));
    ck_assert_int_eq(queue_run(batcher_queue(batcher), images, 24, &patient, NULL, answers), STATUS_OK);
    for (int i = 0; i < 24; i++) {
        ck_assert_float_eq(answers[i].logits[0][0], (float)(10 * i));
        answer_finish(&answers[i]);
    }
    batcher_destroy(&batcher);
    ck_assert_int_gt(second.batches, 0);
    ck_assert_int_gt(fake.batches, second.batches); /* the quicker one did more */
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("batches");
    tcase_add_test(cases, answers_in_order);
    tcase_add_test(cases, gathers_requests_into_batches);
    tcase_add_test(cases, a_full_batch_goes_behind_the_running_one);
    tcase_add_test(cases, patch_tokens_are_read_before_another_batch);
    tcase_add_test(cases, images_of_a_client_that_has_gone_are_not_computed);
    tcase_add_test(cases, refuses_what_does_not_fit);
    tcase_add_test(cases, a_deadline_fires_while_a_batch_runs);
    tcase_add_test(cases, devices_share_the_work);
    tcase_set_timeout(cases, 30);
    return suite_run("batcher", cases);
}
