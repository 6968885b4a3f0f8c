/* The batcher with a model of its own making: batches, order, bounds, deadlines, failures. */
#include "engine/base/clock.h"
#include "engine/model/batcher.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The model under the batcher: its logit is the image's first byte, its map the second. Batches are done one
 * after the other, each after delay_ms. */
enum { SIDE_PIXELS = 16 * 16 * 3, MAX_BATCH = 4 };
struct fake {
    _Atomic int delay_ms, batches, largest, most_in_flight;
    _Atomic enum status status;
    uint32_t in_flight_max;
    struct {
        uint64_t done_ns;
        float logits[MAX_BATCH], maps[MAX_BATCH];
    } flights[MODEL_IN_FLIGHT_MAX];
    uint64_t submitted, landed;
};
static struct fake fake, second;
static struct model *const models[2] = {(struct model *)&fake, (struct model *)&second};

static const struct shape shape = {.side = 16, .patches = 1};
static const struct label label = {.name = "A"};
static const struct head_card heads[2] = {
    {.name = "findings", .type = HEAD_GLORI, .labels = &label, .label_count = 1},
    {.name = "risk", .type = HEAD_LINEAR, .labels = &label, .label_count = 1},
};
static const struct model_card card = {.heads = heads, .head_count = 2};

enum status model_submit(struct model *model, const struct model_image *images, uint32_t count,
                         struct failure *failure)
{
    struct fake *of = (struct fake *)model;
    (void)failure;
    int in_flight = (int)(of->submitted - of->landed);
    ck_assert_uint_lt(in_flight, of->in_flight_max);
    uint64_t now_ns = clock_now_ns(), start_ns = now_ns;
    if (in_flight && of->flights[(of->submitted - 1) % of->in_flight_max].done_ns > now_ns)
        start_ns = of->flights[(of->submitted - 1) % of->in_flight_max].done_ns;
    uint64_t slot = of->submitted++ % of->in_flight_max;
    of->flights[slot].done_ns = start_ns + (uint64_t)of->delay_ms * 1000000;
    of->batches++;
    if (in_flight + 1 > of->most_in_flight)
        of->most_in_flight = in_flight + 1;
    if ((int)count > of->largest)
        of->largest = (int)count;
    for (uint32_t i = 0; i < count; i++) {
        of->flights[slot].logits[i] = images[i].pixels[0];
        of->flights[slot].maps[i] = images[i].pixels[1];
    }
    return STATUS_OK;
}

enum status model_wait(struct model *model, uint64_t timeout_ns, struct failure *failure)
{
    struct fake *of = (struct fake *)model;
    ck_assert_uint_lt(of->landed, of->submitted);
    uint64_t now_ns = clock_now_ns(), done_ns = of->flights[of->landed % of->in_flight_max].done_ns;
    uint64_t left_ns = done_ns > now_ns ? done_ns - now_ns : 0;
    usleep((useconds_t)((left_ns < timeout_ns ? left_ns : timeout_ns) / 1000));
    if (left_ns > timeout_ns)
        return failure_set(failure, STATUS_TIMEOUT, "Not done.");
    of->landed++;
    return of->status ? failure_set(failure, of->status, "As the test asked.") : STATUS_OK;
}

const float *model_logits(const struct model *model, size_t head, uint32_t image)
{
    const struct fake *of = (const struct fake *)model;
    (void)head;
    return &of->flights[(of->landed - 1) % of->in_flight_max].logits[image];
}

const float *model_attention(const struct model *model, size_t head, uint32_t image)
{
    const struct fake *of = (const struct fake *)model;
    return head == 0 ? &of->flights[(of->landed - 1) % of->in_flight_max].maps[image] : NULL;
}

const struct shape *model_shape(const struct model *model)
{
    (void)model;
    return &shape;
}

uint32_t model_max_batch(const struct model *model)
{
    (void)model;
    return MAX_BATCH;
}

uint32_t model_in_flight_max(const struct model *model)
{
    return ((const struct fake *)model)->in_flight_max;
}

static struct batcher *batcher;

/* Restoring fails as often as the test says. */
static _Atomic int restores, restores_failing;

static enum status restore(void *context, size_t device, struct failure *failure, struct model **model)
{
    ck_assert_ptr_null(context);
    ck_assert_ptr_eq(*model, models[device]);
    struct fake *of = (struct fake *)*model;
    ck_assert_uint_eq(of->submitted, of->landed);
    restores++;
    if (restores_failing-- > 0)
        return failure_set(failure, STATUS_NO_DEVICE, "As the test asked.");
    of->status = STATUS_OK;
    return STATUS_OK;
}

static void wait_for_health(enum health health)
{
    for (int i = 0; i < 2000 && batcher_health(batcher) != health; i++)
        usleep(1000);
    ck_assert_int_eq(batcher_health(batcher), health);
}

static void start_devices(size_t count, uint32_t max_queue, uint32_t delay_us)
{
    struct batcher_options options = {
        .max_queue = max_queue, .max_queue_delay_us = delay_us, .restore = restore, .restore_pause_ms = 1};
    if (!fake.in_flight_max)
        fake.in_flight_max = 1;
    second.in_flight_max = 1;
    ck_assert_int_eq(batcher_create(models, count, &card, &options, NULL, &batcher), STATUS_OK);
}

static void start(uint32_t max_queue, uint32_t delay_us)
{
    start_devices(1, max_queue, delay_us);
}

static struct batcher_image image_of(uint8_t value)
{
    struct batcher_image image = {.pixels = memory_allocate(SIDE_PIXELS, 1)};
    image.pixels[0] = value;
    image.pixels[1] = (uint8_t)(value + 1);
    return image;
}

static const struct batcher_client patient;

static enum status run_one(uint8_t value, uint64_t deadline_ns, struct failure *failure,
                           struct answer *answer)
{
    struct batcher_image image = image_of(value);
    const struct batcher_client client = {.deadline_ns = deadline_ns};
    return batcher_run(batcher, &image, 1, &client, failure, answer);
}

START_TEST(answers_in_order)
{
    struct batcher_image images[11];
    struct answer answers[11];
    start(64, 0);
    for (int i = 0; i < 11; i++)
        images[i] = image_of((uint8_t)(10 * i));
    ck_assert_int_eq(batcher_run(batcher, images, 11, &patient, NULL, answers), STATUS_OK);
    for (int i = 0; i < 11; i++) {
        ck_assert_float_eq(answers[i].logits[0][0], (float)(10 * i));
        ck_assert_float_eq(answers[i].attention[0][0], (float)(10 * i + 1));
        ck_assert_ptr_null(answers[i].attention[1]);
        answer_finish(&answers[i]);
    }
    ck_assert_int_eq(fake.largest, MAX_BATCH);
    batcher_destroy(&batcher);
}
END_TEST

static void *run_in_thread(void *value)
{
    struct answer answer;
    uint8_t number = (uint8_t)(uintptr_t)value;
    bool good = run_one(number, 0, NULL, &answer) == STATUS_OK && answer.logits[0][0] == (float)number;
    if (good)
        answer_finish(&answer);
    return good ? value : NULL;
}

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
        fake.delay_ms = 50;
        start(64, 0);
        for (int i = 0; i < 23; i++)
            images[i] = image_of((uint8_t)(10 * i));
        ck_assert_int_eq(batcher_run(batcher, images, 23, &patient, NULL, answers), STATUS_OK);
        for (int i = 0; i < 23; i++) {
            ck_assert_float_eq(answers[i].logits[0][0], (float)(10 * i));
            ck_assert_double_ge(answers[i].inference_ms, 25);
            ck_assert_double_lt(answers[i].inference_ms, 95); /* without the wait behind another batch */
            answer_finish(&answers[i]);
        }
        ck_assert_int_eq(fake.most_in_flight, (int)in_flight);
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
    const struct batcher_client client = {.gone = gone, .client = &hung_up};
    start(64, 0);
    fake.delay_ms = 100;
    for (int i = 0; i < 40; i++)
        images[i] = image_of(1);
    pthread_create(&thread, NULL, hang_up, NULL);
    uint64_t start_ns = clock_now_ns();
    ck_assert_int_eq(batcher_run(batcher, images, 40, &client, &failure, answers), STATUS_CLIENT_GONE);
    ck_assert_double_lt(clock_elapsed_ms(start_ns), 400);
    ck_assert_uint_eq(batcher_depth(batcher), 0);
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
    ck_assert_int_eq(batcher_run(batcher, images, 5, &patient, &failure, answers), STATUS_UNAVAILABLE);
    ck_assert_str_eq(failure.sentence, "The queue of 4 images is full; try again.");
    ck_assert_uint_eq(batcher_depth(batcher), 0);
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
        ck_assert_int_eq(batcher_run(batcher, images, 23, &patient, &failure, answers), STATUS_DEVICE_LOST);
        ck_assert_uint_eq(batcher_depth(batcher), 0);
        wait_for_health(HEALTH_WELL);
        ck_assert_int_eq(restores, 3);
        ck_assert_int_eq(run_one(7, 0, NULL, &answers[0]), STATUS_OK);
        ck_assert_float_eq(answers[0].logits[0][0], 7);
        answer_finish(&answers[0]);
        batcher_destroy(&batcher);
    }
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

START_TEST(devices_share_the_work)
{
    struct batcher_image images[24];
    struct answer answers[24];
    fake.delay_ms = 20;
    second.delay_ms = 60;
    start_devices(2, 64, 0);
    for (int i = 0; i < 24; i++)
        images[i] = image_of((uint8_t)(10 * i));
    ck_assert_int_eq(batcher_run(batcher, images, 24, &patient, NULL, answers), STATUS_OK);
    for (int i = 0; i < 24; i++) {
        ck_assert_float_eq(answers[i].logits[0][0], (float)(10 * i));
        answer_finish(&answers[i]);
    }
    batcher_destroy(&batcher);
    ck_assert_int_gt(second.batches, 0);
    ck_assert_int_gt(fake.batches, second.batches); /* the quicker one did more */
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
    Suite *suite = suite_create("batcher");
    TCase *cases = tcase_create("batches");
    tcase_add_test(cases, answers_in_order);
    tcase_add_test(cases, gathers_requests_into_batches);
    tcase_add_test(cases, a_full_batch_goes_behind_the_running_one);
    tcase_add_test(cases, images_of_a_client_that_has_gone_are_not_computed);
    tcase_add_test(cases, refuses_what_does_not_fit);
    tcase_add_test(cases, a_deadline_fires_while_a_batch_runs);
    tcase_add_test(cases, a_lost_device_fails_what_it_had_and_is_restored);
    tcase_add_test(cases, a_device_that_stays_lost_is_given_up);
    tcase_add_test(cases, devices_share_the_work);
    tcase_add_test(cases, one_lost_device_leaves_the_others_working);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
