#include "tests/unit/api/fake_engine.h"

#include "engine/base/clock.h"
#include "engine/flip.h"
#include "engine/prediction.h"
#include "engine/sandbox/pool.h"
#include "engine/study.h"
#include "tests/unit/api/fake_device.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct engine {
    char behaviour[16];
    struct image_pool *decoders;
    struct fake_device *device; /* NULL: answers at once */
    struct model_card card;
    _Atomic uint64_t batches, images, sizes[ENGINE_BATCH_MAX]; /* a request is a batch */
    _Atomic uint64_t not_finite;
    uint32_t lose_after; /* 0: never */
    _Atomic uint64_t requests, lost_ns;
};

static const struct code nodule_codes[] = {{"http://snomed.info/sct", "427359005"}};

#define PLAIN(text)                                                   \
    {                                                                 \
        .name = text, .threshold = 0.9, .threshold_source = "default" \
    }
static const struct label finding_labels[] = {PLAIN("Normal"),
                                              PLAIN("Edema"),
                                              PLAIN("Mass"),
                                              {.name = "Nodule",
                                               .threshold = 0.9,
                                               .threshold_source = "youden",
                                               .codes = nodule_codes,
                                               .code_count = 1}};
static const struct label risk_labels[] = {PLAIN("area_lost")};
static const struct label extra_labels[] = {{.name = "Tuberculosis",
                                             .threshold = 0.9,
                                             .threshold_source = "default",
                                             .calibrated = true,
                                             .scale = 2,
                                             .offset = 1}};

static const struct label paired_labels[] = {PLAIN("Effusion")};

/* Of a picture over three fifths of white. */
static const struct label quality_labels[] = {
    {.name = "inverted", .threshold = 0.2, .threshold_source = "default"}};

/* The first is the behaviours' "gate" and "gate alone". */
static const struct head_card heads[] = {
    {.name = "gate", .kind = HEAD_QUALITY, .type = HEAD_LINEAR, .labels = quality_labels, .label_count = 1},
    {.name = "findings",
     .kind = HEAD_FINDINGS,
     .type = HEAD_GLORI,
     .labels = finding_labels,
     .label_count = 4},
    {.name = "cardiac",
     .kind = HEAD_RISK,
     .type = HEAD_GLORI,
     .definition = "How much area a drawing lost.",
     .labels = risk_labels,
     .label_count = 1},
    {.name = "extra", .kind = HEAD_FINDINGS, .type = HEAD_LINEAR, .labels = extra_labels, .label_count = 1},
    {.name = "paired",
     .kind = HEAD_FINDINGS,
     .type = HEAD_LINEAR,
     .two_views = true,
     .labels = paired_labels,
     .label_count = 1}};

const char *head_kind_name(enum head_kind kind)
{
    return kind == HEAD_FINDINGS ? "findings" : kind == HEAD_RISK ? "risk" : "quality";
}

const char *head_type_name(enum head_type type)
{
    return type == HEAD_GLORI ? "glori" : "linear";
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

enum status engine_create(const struct engine_options *options, struct failure *failure, struct engine **out)
{
    const char *behaviour = options->rung ? options->rung : "";
    if (!strcmp(behaviour, "broken"))
        return failure_set(failure, STATUS_INVALID_FILE, "The package is broken.");
    if (!strcmp(behaviour, "loading"))
        pause_ms(3000);
    struct engine *engine = memory_allocate(1, sizeof *engine);
    strncpy(engine->behaviour, behaviour, sizeof engine->behaviour - 1);
    engine->decoders = options->decoders;
    engine->lose_after = options->lose_device_after;
    unsigned batch_ms;
    if (sscanf(behaviour, "batched:%u", &batch_ms) == 1)
        engine->device = fake_device_create(options->max_batch ? options->max_batch : 8, batch_ms);
    engine->card = (struct model_card){
        .name = memory_copy_text(options->model),
        .version = "1.2.3",
        .intended_use = "Tests.",
        .profile = {.name = "chexfound", .min_max = true},
        .dicom_profile = DICOM_PROFILE_MIMIC,
        .backbone = {.patch_size = FAKE_SIDE / FAKE_GRID,
                     .image_height = FAKE_SIDE,
                     .image_width = FAKE_SIDE,
                     .width = FAKE_WIDTH},
        .heads = heads + (strncmp(behaviour, "gate", 4) ? 1 : 0),
        .head_count = !strcmp(behaviour, "headless")     ? 0
                      : !strcmp(behaviour, "gate alone") ? 1
                      : !strcmp(behaviour, "gate")       ? 2
                      : !strcmp(behaviour, "views")      ? 4
                                                         : 3,
    };
    memset(engine->card.weights_sha256, 'a', 64);
    memset(engine->card.package_sha256, 'b', 64);
    *out = engine;
    return STATUS_OK;
}

void engine_destroy(struct engine **engine)
{
    if (!engine || !*engine)
        return;
    fake_device_destroy(&(*engine)->device);
    free((char *)(*engine)->card.name);
    free(*engine);
    *engine = NULL;
}

const struct model_card *engine_card(const struct engine *engine)
{
    return &engine->card;
}

const char *engine_device_name(const struct engine *engine)
{
    (void)engine;
    return "none";
}

const char *engine_rung_name(const struct engine *engine)
{
    (void)engine;
    return "fake";
}

static bool is_lost(const struct engine *engine)
{
    return engine->lost_ns && clock_elapsed_ms(engine->lost_ns) < FAKE_LOST_MS;
}

enum health engine_health(const struct engine *engine)
{
    if (!strcmp(engine->behaviour, "lost") || is_lost(engine))
        return HEALTH_RESTORING;
    if (!strcmp(engine->behaviour, "stuck"))
        return HEALTH_STUCK;
    if (!strcmp(engine->behaviour, "dead") || (engine->decoders && !image_pool_usable(engine->decoders)))
        return HEALTH_DEAD;
    return HEALTH_WELL;
}

void engine_statistics(const struct engine *engine, struct engine_statistics *out)
{
    *out = (struct engine_statistics){
        .queue_capacity = FAKE_QUEUE,
        .request_capacity = !strcmp(engine->behaviour, "slow") ? FAKE_SLOW_CAPACITY : FAKE_QUEUE,
        .batches = engine->batches,
        .images = engine->images,
        .device_memory_bytes = 1 << 20,
        .device_lost_count = engine->lost_ns || engine_health(engine) != HEALTH_WELL,
        .not_finite_count = engine->not_finite,
    };
    for (size_t i = 0; i < ENGINE_BATCH_MAX; i++)
        out->batch_size_counts[i] = engine->sizes[i];
    if (engine->device)
        fake_device_statistics(engine->device, out);
}

static double mean_pixel(const struct frame *frame)
{
    double sum = 0;
    size_t count = (size_t)frame->height * frame->width * 3;
    for (size_t i = 0; i < count; i++)
        sum += frame->pixels[i];
    return sum / (double)count;
}

static void answer_head(const struct head_card *card, size_t first, double mean, struct head_prediction *out)
{
    enum { CELLS = FAKE_GRID * FAKE_GRID };
    size_t count = card->label_count;
    *out = (struct head_prediction){.head = card,
                                    .logits = memory_allocate(count, sizeof(float)),
                                    .probabilities = memory_allocate(count, sizeof(float))};
    if (card->type == HEAD_GLORI)
        out->attention = memory_allocate(count * CELLS, sizeof(float));
    for (size_t i = 0; i < count; i++) {
        const struct label *label = &card->labels[i];
        double logit = (double)(first + i) - 2 + mean / 255 + (strcmp(label->name, "Edema") ? 0 : 0.5);
        double shown = label->calibrated ? label->scale * logit + label->offset : logit;
        out->logits[i] = (float)logit;
        out->probabilities[i] = (float)(1 / (1 + exp(-shown)));
        for (size_t cell = 0; out->attention && cell < CELLS; cell++)
            out->attention[i * CELLS + cell] = cell == first + i ? 0.625f : 0.025f;
    }
}

static void answer_pair(const struct head_card *card, double frontal, double lateral,
                        struct head_prediction *out)
{
    *out = (struct head_prediction){.head = card,
                                    .logits = memory_allocate(1, sizeof(float)),
                                    .probabilities = memory_allocate(1, sizeof(float))};
    out->logits[0] = (float)((frontal + 2 * lateral) / 255);
    out->probabilities[0] = (float)(1 / (1 + exp(-(double)out->logits[0])));
}

/* The mirror has the same logits, and its maps peak where its own cells are. */
static void flip_head(struct head_prediction *head)
{
    enum { CELLS = FAKE_GRID * FAKE_GRID };
    size_t count = head->head->label_count;
    if (!head->attention)
        return;
    float *mirrored = memory_allocate(count * CELLS, sizeof *mirrored);
    memcpy(mirrored, head->attention, count * CELLS * sizeof *mirrored);
    flip_mean_maps(head->attention, mirrored, count, FAKE_GRID, FAKE_GRID);
    free(mirrored);
}

static void embed(double mean, bool patches, struct embedding *out)
{
    enum { CELLS = FAKE_GRID * FAKE_GRID };
    out->class_token = memory_allocate(FAKE_WIDTH, sizeof(float));
    out->mean = memory_allocate(FAKE_WIDTH, sizeof(float));
    if (patches)
        out->patches = memory_allocate((size_t)CELLS * FAKE_WIDTH, sizeof(float));
    for (int i = 0; i < FAKE_WIDTH; i++) {
        out->class_token[i] = (float)(i + mean / 255);
        out->mean[i] = (float)(i + mean / 255 + 0.5);
        for (int cell = 0; patches && cell < CELLS; cell++)
            out->patches[cell * FAKE_WIDTH + i] = (float)(i + mean / 255 + 100 * cell);
    }
}

/* Makes one number of a prediction one that is not finite, if its image asks for that and it has the number.
 */
static void spoil(struct prediction *prediction)
{
    if (prediction->head_count < 2)
        return;
    const struct head_prediction *risk = &prediction->heads[1];
    float *const numbers[FAKE_NOT_FINITE_PLACES] = {&risk->logits[0],
                                                    &risk->probabilities[0],
                                                    &risk->attention[FAKE_GRID],
                                                    &prediction->embedding.class_token[FAKE_WIDTH - 1],
                                                    &prediction->embedding.mean[0],
                                                    prediction->embedding.patches};
    uint32_t place = prediction->image.height - FAKE_NOT_FINITE_HEIGHT;
    if (prediction->image.width == FAKE_NOT_FINITE_WIDTH && place < FAKE_NOT_FINITE_PLACES && numbers[place])
        *numbers[place] = place % 2 ? INFINITY : NAN;
}

/* Decodes an image and prepares it, and says what its mean pixel is. */
static bool look_at(const struct engine *engine, struct bytes encoded, const struct predict_options *options,
                    bool lateral, struct prediction *out, double *mean)
{
    struct image_loan loan = {0};
    const struct target target = {&engine->card.profile, FAKE_SIDE, FAKE_SIDE};
    struct image_info *info = lateral ? &out->lateral : &out->image;
    struct region *region = lateral ? &out->lateral_region : &out->region;
    struct quality *quality = lateral ? &out->lateral_quality : &out->quality;
    struct frame frame = {0};
    struct failure failure = {0};
    if (image_pool_decode(engine->decoders, encoded, &options->image, NULL, &failure, &loan, info))
        goto end;
    if (info->width == FAKE_FAULT_WIDTH)
        failure_set(&failure, STATUS_DEVICE, "The driver said no.");
    if (failure.status || image_prepare(&loan.image, &target, &failure, &frame, region))
        goto end;
    quality->reasons = quality_look(info, &frame);
    if (options->require_quality && quality_require(quality, &failure))
        goto end;
    if (options->keep_side && !lateral &&
        region_picture(&loan.image, region, options->keep_side, &failure, &out->picture))
        goto end;
    if (options->render_side && image_picture(&loan.image, options->render_side, &failure,
                                              lateral ? &out->lateral_render : &out->render))
        goto end;
    *mean = mean_pixel(&frame);
end:
    frame_finish(&frame);
    image_loan_return(&loan);
    if (failure.status)
        study_blame(options->pairing, lateral, &failure);
    if (failure.status && !out->failure.status)
        out->failure = failure;
    return !failure.status;
}

static void predict_one(struct engine *engine, const struct bytes *encoded,
                        const struct predict_options *options, struct prediction *out)
{
    double means[2] = {0, 0};
    *out = (struct prediction){0};
    out->timing = (struct prediction_timing){1, 2, 3, 4};
    for (size_t view = 0; view < pairing_images(options->pairing); view++)
        (void)look_at(engine, encoded[view], options, view > 0, out, &means[view]); /* the failure has it */
    if (out->failure.status)
        return;
    const struct head_card *cards = engine->card.heads;
    out->head_count = engine->card.head_count;
    out->heads = memory_allocate(out->head_count, sizeof *out->heads);
    for (size_t i = 0, first = 0; i < out->head_count; first += cards[i++].label_count) {
        if (!cards[i].two_views)
            answer_head(&cards[i], first, means[0], &out->heads[i]);
        else if (options->pairing == PAIRING_NONE)
            out->heads[i].head = &cards[i];
        else
            answer_pair(&cards[i], means[0], means[options->pairing == PAIRING_VIEWS], &out->heads[i]);
        if (options->flip)
            flip_head(&out->heads[i]);
    }
    embed(means[0], options->patches, &out->embedding);
    spoil(out);
    engine->not_finite += !prediction_check(&engine->card, "none", "fake", out);
    prediction_judge(options, out);
}

static enum status check_device(const struct engine *engine, struct failure *failure)
{
    return is_lost(engine)
               ? failure_set(failure, STATUS_DEVICE_LOST, "The device was lost; try again in a moment.")
               : STATUS_OK;
}

/* The images that were decoded wait for the device; the rest have failed. */
static enum status run_on_device(struct engine *engine, size_t count, const struct predict_options *options,
                                 struct failure *failure, struct prediction *out)
{
    struct prediction_timing timing = {0};
    size_t good = 0;
    for (size_t i = 0; i < count; i++)
        good += !out[i].failure.status;
    good *= options->flip ? 2 : 1;
    enum status status = good ? fake_device_run(engine->device, good, options, failure, &timing) : STATUS_OK;
    if (!status)
        status = check_device(engine, failure); /* what was under way is lost with it */
    for (size_t i = 0; i < count; i++)
        if (status)
            prediction_finish(&out[i]);
        else
            out[i].timing = timing;
    return status;
}

enum status engine_predict(struct engine *engine, const struct bytes *images, size_t count,
                           const struct predict_options *options, struct failure *failure,
                           struct prediction *out)
{
    if (!strcmp(engine->behaviour, "undecoded"))
        return failure_set(failure, STATUS_UNAVAILABLE, "The system starts no further image decoder.");
    if (!strcmp(engine->behaviour, "full"))
        return failure_set(failure, STATUS_QUEUE_FULL, "The queue is full; try again in a moment.");
    for (int i = 0; i < 50 && !strcmp(engine->behaviour, "slow"); i++) {
        pause_ms(20);
        enum status status = patience_check(&options->patience, "its images waited", failure);
        if (status)
            return status;
    }
    if (++engine->requests == engine->lose_after)
        engine->lost_ns = clock_now_ns();
    enum status status = check_device(engine, failure);
    if (status)
        return status;
    const size_t views = pairing_images(options->pairing);
    for (size_t i = 0; i < count / views; i++)
        predict_one(engine, &images[i * views], options, &out[i]);
    if (engine->device)
        return run_on_device(engine, count / views, options, failure, out);
    engine->batches++;
    engine->images += count;
    engine->sizes[count - 1]++;
    return STATUS_OK;
}
