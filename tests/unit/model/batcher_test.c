/* The batcher with a model of its own making: batches, order, bounds, deadlines, failures. */
#include "engine/base/clock.h"
#include "engine/model/batcher.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The model under the batcher: its logit is the image's first byte, its map the second. */
enum { SIDE_PIXELS = 16 * 16 * 3, MAX_BATCH = 4 };
static struct {
    _Atomic int delay_ms, batches, largest;
    _Atomic enum status status;
    float logits[MAX_BATCH], maps[MAX_BATCH];
} fake;

static const struct shape shape = {.side = 16, .patches = 1};
static const struct label label = {.name = "A"};
static const struct head_card heads[2] = {
    {.name = "findings", .type = HEAD_GLORI, .labels = &label, .label_count = 1},
    {.name = "risk", .type = HEAD_LINEAR, .labels = &label, .label_count = 1},
};
static const struct model_card card = {.heads = heads, .head_count = 2};

enum status model_run(struct model *model, const struct model_image *images, uint32_t count,
                      struct failure *failure)
{
    (void)model;
    usleep((useconds_t)fake.delay_ms * 1000);
    fake.batches++;
    if ((int)count > fake.largest)
        fake.largest = (int)count;
    for (uint32_t i = 0; i < count; i++) {
        fake.logits[i] = images[i].pixels[0];
        fake.maps[i] = images[i].pixels[1];
    }
    return fake.status ? failure_set(failure, fake.status, "As the test asked.") : STATUS_OK;
}

const float *model_logits(const struct model *model, size_t head, uint32_t image)
{
    (void)model;
    (void)head;
    return &fake.logits[image];
}

const float *model_attention(const struct model *model, size_t head, uint32_t image)
{
    (void)model;
    return head == 0 ? &fake.maps[image] : NULL;
}

const struct shape *model_shape(const struct model *model)
{
    (void)model;
    return &shape;
}

static struct batcher *batcher;

static void start(uint32_t max_queue, uint32_t delay_us)
{
    struct batcher_options options = {
        .max_batch = MAX_BATCH, .max_queue = max_queue, .max_queue_delay_us = delay_us};
    ck_assert_int_eq(batcher_create((struct model *)&fake, &card, &options, NULL, &batcher), STATUS_OK);
}

static struct batcher_image image_of(uint8_t value)
{
    struct batcher_image image = {.pixels = memory_allocate(SIDE_PIXELS, 1)};
    image.pixels[0] = value;
    image.pixels[1] = (uint8_t)(value + 1);
    return image;
}

static enum status run_one(uint8_t value, uint64_t deadline_ns, struct failure *failure,
                           struct answer *answer)
{
    struct batcher_image image = image_of(value);
    return batcher_run(batcher, &image, 1, deadline_ns, failure, answer);
}

START_TEST(answers_in_order)
{
    struct batcher_image images[11];
    struct answer answers[11];
    start(64, 0);
    for (int i = 0; i < 11; i++)
        images[i] = image_of((uint8_t)(10 * i));
    ck_assert_int_eq(batcher_run(batcher, images, 11, 0, NULL, answers), STATUS_OK);
    for (int i = 0; i < 11; i++) {
        ck_assert_float_eq(answers[i].logits[0][0], (float)(10 * i));
        ck_assert_float_eq(answers[i].attention[0][0], (float)(10 * i + 1));
        ck_assert_ptr_null(answers[i].attention[1]);
        answer_finish(&answers[i]);
    }
    ck_assert_int_eq(fake.largest, MAX_BATCH);
    uint64_t sizes[BATCHER_BATCH_MAX], count = 0;
    batcher_count_sizes(batcher, sizes);
    for (size_t i = 0; i < BATCHER_BATCH_MAX; i++)
        count += sizes[i] * (i + 1);
    ck_assert_uint_eq(count, 11);
    ck_assert_uint_ge(sizes[MAX_BATCH - 1], 1);
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

START_TEST(refuses_what_does_not_fit)
{
    struct batcher_image images[5];
    struct answer answers[5];
    struct failure failure;
    start(4, 0);
    for (int i = 0; i < 5; i++)
        images[i] = image_of(1);
    ck_assert_int_eq(batcher_run(batcher, images, 5, 0, &failure, answers), STATUS_UNAVAILABLE);
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

START_TEST(a_lost_device_fails_what_is_in_flight_and_what_follows)
{
    struct answer answer;
    start(8, 0);
    ck_assert(batcher_usable(batcher));
    fake.status = STATUS_DEVICE_LOST;
    ck_assert_int_eq(run_one(1, 0, NULL, &answer), STATUS_DEVICE_LOST);
    ck_assert(!batcher_usable(batcher));
    fake.status = STATUS_OK;
    ck_assert_int_eq(run_one(1, 0, NULL, &answer), STATUS_DEVICE_LOST);
    batcher_destroy(&batcher);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batcher");
    TCase *cases = tcase_create("batches");
    tcase_add_test(cases, answers_in_order);
    tcase_add_test(cases, gathers_requests_into_batches);
    tcase_add_test(cases, refuses_what_does_not_fit);
    tcase_add_test(cases, a_deadline_fires_while_a_batch_runs);
    tcase_add_test(cases, a_lost_device_fails_what_is_in_flight_and_what_follows);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
