#include "tests/unit/model/fake_model.h"

#include "engine/base/clock.h"

#include <check.h>
#include <unistd.h>

enum { SIDE_PIXELS = 16 * 16 * 3 };

struct fake fake, second;
static struct model *const models[2] = {(struct model *)&fake, (struct model *)&second};

static const struct shape shape = {.rows = 1, .columns = 1, .patch = 16, .patches = 1, .width = 1};
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

uint64_t model_progress(const struct model *model)
{
    struct fake *of = (struct fake *)model;
    return of->working ? ++of->progress : of->progress;
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

void model_embedding(const struct model *model, uint32_t image, float *class_token, float *mean)
{
    *class_token = *model_logits(model, 0, image);
    *mean = *model_attention(model, 0, image);
}

enum status model_patches(struct model *model, const bool *wanted, struct failure *failure, struct rows *out)
{
    struct fake *of = (struct fake *)model;
    ck_assert_uint_eq(of->submitted, of->landed);
    for (uint32_t i = 0; i < MAX_BATCH && !of->patch_status; i++)
        if (wanted[i]) {
            out[i] = (struct rows){.data = memory_allocate(1, sizeof(float)), .rows = 1, .columns = 1};
            *(float *)out[i].data = *model_logits(model, 0, i);
        }
    of->patch_reads++;
    return of->patch_status ? failure_set(failure, of->patch_status, "As the test asked.") : STATUS_OK;
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

struct batcher *batcher;

_Atomic int restores, restores_failing;

static enum status restore(void *context, size_t device, struct failure *failure, struct model **model)
{
    ck_assert_ptr_null(context);
    ck_assert_ptr_eq(*model, models[device]);
    struct fake *of = (struct fake *)*model;
    ck_assert_uint_eq(of->submitted, of->landed);
    restores++;
    if (restores_failing-- > 0)
        return failure_set(failure, STATUS_NO_DEVICE, "As the test asked.");
    of->status = of->patch_status = STATUS_OK;
    return STATUS_OK;
}

void start_devices(size_t count, uint32_t max_queue, uint32_t delay_us)
{
    struct batcher_options options = {.max_queue = max_queue,
                                      .max_queue_delay_us = delay_us,
                                      .restore = restore,
                                      .restore_pause_ms = 1,
                                      .stuck_after_ms = 600};
    if (!fake.in_flight_max)
        fake.in_flight_max = 1;
    second.in_flight_max = 1;
    ck_assert_int_eq(batcher_create(models, count, &card, &options, NULL, &batcher), STATUS_OK);
}

void start(uint32_t max_queue, uint32_t delay_us)
{
    start_devices(1, max_queue, delay_us);
}

struct batcher_image image_of(uint8_t value)
{
    struct batcher_image image = {.pixels = memory_allocate(SIDE_PIXELS, 1)};
    image.pixels[0] = value;
    image.pixels[1] = (uint8_t)(value + 1);
    return image;
}

const struct patience patient;

enum status run_one(uint8_t value, uint64_t deadline_ns, struct failure *failure, struct answer *answer)
{
    struct batcher_image image = image_of(value);
    const struct patience client = {.deadline_ns = deadline_ns};
    return queue_run(batcher_queue(batcher), &image, 1, &client, failure, answer);
}

void *run_in_thread(void *value)
{
    struct answer answer;
    uint8_t number = (uint8_t)(uintptr_t)value;
    bool good = run_one(number, 0, NULL, &answer) == STATUS_OK && answer.logits[0][0] == (float)number;
    if (good)
        answer_finish(&answer);
    return good ? value : NULL;
}
