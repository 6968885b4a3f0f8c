/* A device's worker in trouble: devices lost, restored and given up; progress and the lack of it. */
#include "engine/base/clock.h"
#include "tests/unit/model/fake_model.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void wait_for_health(enum health health)
{
    for (int i = 0; i < 10000 && batcher_health(batcher) != health; i++)
        usleep(1000);
    ck_assert_int_eq(batcher_health(batcher), health);
}

/* 23 images, so that batches are in flight and images wait when the device is lost. */
START_TEST(a_lost_device_fails_what_it_had_and_is_restored)
{
    struct batcher_image images[23];
    struct answer answers[23];
    struct failure failure;
    for (uint32_t in_flight = 1; in_flight <= MODEL_IN_FLIGHT_MAX; in_flight++) {
        fake.in_flight_max = in_flight;
        fake.submitted = fake.landed = 0;
        restores = 0;
        restores_failing = 2;
        start(64, 0);
        fake.status = STATUS_DEVICE_LOST;
        for (int i = 0; i < 23; i++)
            images[i] = image_of(1);
        ck_assert_int_eq(queue_run(batcher_queue(batcher), images, 23, &patient, &failure, answers),
                         STATUS_DEVICE_LOST);
        ck_assert_uint_eq(queue_depth(batcher_queue(batcher)), 0);
        wait_for_health(HEALTH_WELL);
        ck_assert_int_eq(restores, 3);
        ck_assert_int_eq(run_one(7, 0, NULL, &answers[0]), STATUS_OK);
        ck_assert_float_eq(answers[0].logits[0][0], 7);
        answer_finish(&answers[0]);
        batcher_destroy(&batcher);
    }
}
END_TEST

START_TEST(after_another_failure_the_device_is_made_again_too)
{
    struct answer answer;
    struct failure failure;
    start(8, 0);
    fake.status = STATUS_DEVICE;
    ck_assert_int_eq(run_one(1, 0, &failure, &answer), STATUS_DEVICE);
    ck_assert_str_eq(failure.sentence, "As the test asked.");
    wait_for_health(HEALTH_WELL);
    ck_assert_int_eq(restores, 1);
    ck_assert_int_eq(run_one(7, 0, NULL, &answer), STATUS_OK);
    answer_finish(&answer);
    batcher_destroy(&batcher);
}
END_TEST

START_TEST(a_device_may_be_lost_while_patch_tokens_are_read)
{
    struct answer answer;
    struct failure failure;
    struct batcher_image image = image_of(1);
    image.patches = true;
    start(8, 0);
    fake.patch_status = STATUS_DEVICE_LOST;
    ck_assert_int_eq(queue_run(batcher_queue(batcher), &image, 1, &patient, &failure, &answer),
                     STATUS_DEVICE_LOST);
    wait_for_health(HEALTH_WELL);
    ck_assert_int_eq(restores, 1);
    image = image_of(7);
    image.patches = true;
    ck_assert_int_eq(queue_run(batcher_queue(batcher), &image, 1, &patient, NULL, &answer), STATUS_OK);
    ck_assert_float_eq(*(float *)answer.patches.data, 7);
    answer_finish(&answer);
    batcher_destroy(&batcher);
}
END_TEST

START_TEST(a_device_that_stays_lost_is_given_up)
{
    struct answer answer;
    struct failure failure;
    start(8, 0);
    fake.status = STATUS_DEVICE_LOST;
    restores_failing = 1000;
    ck_assert_int_eq(run_one(1, 0, &failure, &answer), STATUS_DEVICE_LOST);
    wait_for_health(HEALTH_DEAD);
    ck_assert_int_eq(restores, 5);
    ck_assert_int_eq(run_one(1, 0, &failure, &answer), STATUS_DEVICE_LOST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "try again"));
    batcher_destroy(&batcher);
}
END_TEST

static pthread_t threads[10];

/* More than a batch, so that some wait. */
static void send_ten(void)
{
    start(64, 0);
    ck_assert_int_eq(batcher_health(batcher), HEALTH_WELL);
    for (uintptr_t i = 0; i < 10; i++)
        pthread_create(&threads[i], NULL, run_in_thread, (void *)(i + 1));
}

static void receive_ten(void)
{
    fake.delay_ms = 0;
    for (int i = 0; i < 10; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(batcher_health(batcher), HEALTH_WELL);
    batcher_destroy(&batcher);
}

START_TEST(a_worker_without_progress_is_stuck)
{
    fake.delay_ms = 3000;
    send_ten();
    wait_for_health(HEALTH_STUCK);
    receive_ten();
}
END_TEST

START_TEST(a_slow_worker_is_not_stuck)
{
    fake.delay_ms = 3000;
    fake.working = true;
    send_ten();
    for (int i = 0; i < 150; i++) {
        ck_assert_int_eq(batcher_health(batcher), HEALTH_WELL);
        usleep(10000);
    }
    receive_ten();
}
END_TEST

START_TEST(one_lost_device_leaves_the_others_working)
{
    struct answer answer;
    int lost = 0;
    restores_failing = 1000;
    start_devices(2, 64, 0);
    second.status = STATUS_DEVICE_LOST;
    for (int i = 0; i < 20 || !lost; i++) {
        enum status status = run_one((uint8_t)i, 0, NULL, &answer);
        ck_assert(status == STATUS_OK || status == STATUS_DEVICE_LOST);
        lost += status == STATUS_DEVICE_LOST;
        if (!status)
            answer_finish(&answer);
    }
    ck_assert_int_eq(lost, 1);
    ck_assert_int_eq(batcher_health(batcher), HEALTH_WELL);
    batcher_destroy(&batcher);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("workers");
    tcase_add_test(cases, a_lost_device_fails_what_it_had_and_is_restored);
    tcase_add_test(cases, after_another_failure_the_device_is_made_again_too);
    tcase_add_test(cases, a_device_may_be_lost_while_patch_tokens_are_read);
    tcase_add_test(cases, a_device_that_stays_lost_is_given_up);
    tcase_add_test(cases, a_worker_without_progress_is_stuck);
    tcase_add_test(cases, a_slow_worker_is_not_stuck);
    tcase_add_test(cases, one_lost_device_leaves_the_others_working);
    tcase_set_timeout(cases, 30);
    return suite_run("lane", cases);
}
