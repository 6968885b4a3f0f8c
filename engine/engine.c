#include "engine/engine.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/flip.h"
#include "engine/model/batcher.h"
#include "engine/package/package.h"
#include "engine/prediction.h"
#include "engine/replica.h"
#include "engine/sandbox/pool.h"
#include "engine/study.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_QUEUE = 256,
    NAMES_BYTES = 1024,
    RESTORE_PAUSE_MS = 1000,
    PASSES_MAX = 4 /* of two views, mirrored */
};

struct engine {
    struct package *package;
    struct replica *replicas[ENGINE_DEVICES_MAX];
    size_t replica_count;
    struct batcher *batcher;
    struct image_pool *decoders; /* borrowed; NULL: decodes in this process */
    uint32_t max_queue;
    struct target target; /* what the network takes */
    size_t request_capacity;
    char device_names[NAMES_BYTES], rung_names[NAMES_BYTES];
    _Atomic uint64_t not_finite_count; /* as in struct engine_statistics */
};

static enum status make_replicas(struct engine *engine, const struct engine_options *options,
                                 struct failure *failure)
{
    static const char *const any = "auto";
    const char *const *devices = options->device_count ? options->devices : &any;
    size_t count = options->device_count ? options->device_count : 1;
    enum status status = STATUS_OK;
    assert(count <= ENGINE_DEVICES_MAX);
    for (size_t i = 0; i < count && !status; i++) {
        status = replica_create(engine->package, options, devices[i], failure, &engine->replicas[i]);
        engine->replica_count += !status;
    }
    return status;
}

/* Adds a name after ", " unless it is there. */
static void add_name(char names[NAMES_BYTES], const char *name)
{
    size_t used = strlen(names);
    if (!strstr(names, name))
        snprintf(names + used, NAMES_BYTES - used, "%s%s", used ? ", " : "", name);
}

static enum status restore(void *context, size_t device, struct failure *failure, struct model **out)
{
    struct engine *engine = context;
    enum status status = replica_restore(engine->replicas[device], failure);
    if (!status)
        *out = replica_model(engine->replicas[device]);
    return status;
}

static enum status start_batcher(struct engine *engine, const struct engine_options *options,
                                 struct failure *failure)
{
    struct model *models[ENGINE_DEVICES_MAX];
    for (size_t i = 0; i < engine->replica_count; i++) {
        models[i] = replica_model(engine->replicas[i]);
        add_name(engine->device_names, replica_device_name(engine->replicas[i]));
        add_name(engine->rung_names, replica_rung_name(engine->replicas[i]));
        /* What the device has, and a batch that is decoded and gathered behind that. */
        engine->request_capacity += (size_t)model_max_batch(models[i]) * (model_in_flight_max(models[i]) + 1);
    }
    engine->max_queue = options->max_queue ? options->max_queue : MAX_QUEUE;
    const struct model_card *card = package_card(engine->package);
    engine->target = (struct target){&card->profile, card->backbone.image_height, card->backbone.image_width};
    const struct batcher_options batcher = {.max_queue = engine->max_queue,
                                            .max_queue_delay_us = options->max_queue_delay_us,
                                            .restore = restore,
                                            .context = engine,
                                            .restore_pause_ms = RESTORE_PAUSE_MS,
                                            .stuck_after_ms = options->stuck_after_ms};
    return batcher_create(models, engine->replica_count, card, &batcher, failure, &engine->batcher);
}

/* The files are hashed meanwhile; a damaged one explains whatever else went wrong. */
static enum status load(struct engine *engine, const struct engine_options *options, struct failure *failure)
{
    struct failure damage = {0};
    enum status status = make_replicas(engine, options, failure);
    uint64_t start_ns = clock_now_ns();
    if (package_verify(engine->package, &damage)) {
        status = damage.status;
        if (failure)
            *failure = damage;
    }
    log_message(LOG_DEBUG, "waiting for the hashes took %.0f ms", clock_elapsed_ms(start_ns));
    return status;
}

enum status engine_create(const struct engine_options *options, struct failure *failure, struct engine **out)
{
    struct engine *engine = memory_allocate(1, sizeof *engine);
    engine->decoders = options->decoders;
    enum status status = package_open(options->model, failure, &engine->package);
    if (!status)
        status = load(engine, options, failure);
    if (!status)
        status = start_batcher(engine, options, failure);
    if (status)
        engine_destroy(&engine);
    else
        *out = engine;
    return status;
}

void engine_destroy(struct engine **handle)
{
    struct engine *engine = handle ? *handle : NULL;
    if (!engine)
        return;
    batcher_destroy(&engine->batcher);
    for (size_t i = 0; i < engine->replica_count; i++)
        replica_destroy(&engine->replicas[i]);
    package_close(&engine->package);
    free(engine);
    *handle = NULL;
}

const struct model_card *engine_card(const struct engine *engine)
{
    return package_card(engine->package);
}

const char *engine_device_name(const struct engine *engine)
{
    return engine->device_names;
}

const char *engine_rung_name(const struct engine *engine)
{
    return engine->rung_names;
}

enum health engine_health(const struct engine *engine)
{
    if (engine->decoders && !image_pool_usable(engine->decoders))
        return HEALTH_DEAD;
    return batcher_health(engine->batcher);
}

static_assert((int)ENGINE_BATCH_MAX == (int)LANE_BATCH_MAX, "one histogram");

void engine_statistics(const struct engine *engine, struct engine_statistics *out)
{
    struct lane_counts counts;
    batcher_count(engine->batcher, &counts);
    *out = (struct engine_statistics){.queue_depth = queue_depth(batcher_queue(engine->batcher)),
                                      .queue_capacity = engine->max_queue,
                                      .request_capacity = engine->request_capacity,
                                      .device_lost_count = counts.losses,
                                      .not_finite_count = atomic_load(&engine->not_finite_count)};
    for (size_t i = 0; i < engine->replica_count; i++)
        out->device_memory_bytes += replica_memory_bytes(engine->replicas[i]);
    for (size_t i = 0; i < ENGINE_BATCH_MAX; i++) {
        out->batch_size_counts[i] = counts.batch_sizes[i];
        out->batches += counts.batch_sizes[i];
        out->images += counts.batch_sizes[i] * (i + 1);
    }
}

/* Inputs that a study makes: of each view the image, and with flip its mirror. */
static size_t study_passes(const struct predict_options *options)
{
    return pairing_images(options->pairing) * (options->flip ? 2 : 1);
}

/* The same input, left and right exchanged; its patch tokens are nobody's. */
static struct batcher_image mirror(const struct batcher_image *image, size_t rows, size_t columns)
{
    struct batcher_image mirrored = *image;
    mirrored.pixels = memory_allocate(rows * columns, 3);
    mirrored.patches = false;
    flip_pixels(image->pixels, rows, columns, mirrored.pixels);
    return mirrored;
}

/* Decodes and preprocesses one image of a study, to out[0] and, with options->flip, its mirror to out[1];
 * what goes wrong is the image's own failure. */
static bool prepare(const struct engine *engine, struct bytes encoded, const struct predict_options *options,
                    bool lateral, struct prediction *prediction, struct failure *failure,
                    struct batcher_image *out)
{
    struct image_info *info = lateral ? &prediction->lateral : &prediction->image;
    struct region *region = lateral ? &prediction->lateral_region : &prediction->region;
    struct quality *quality = lateral ? &prediction->lateral_quality : &prediction->quality;
    struct image_loan loan = {0};
    struct frame frame = {0};
    struct image_options wanted = options->image;
    if (wanted.dicom_profile == DICOM_PROFILE_UNSAID)
        wanted.dicom_profile = engine_card(engine)->dicom_profile;
    uint64_t start_ns = clock_now_ns();
    enum status status =
        image_pool_decode(engine->decoders, encoded, &wanted, &options->patience, failure, &loan, info);
    prediction->timing.decode_ms += clock_elapsed_ms(start_ns);
    if (status)
        return false;
    info->warnings = study_warnings(options->pairing, lateral, info);
    info->warnings |= image_crop_warning(loan.image.width, loan.image.height, &engine->target);
    start_ns = clock_now_ns();
    status = image_prepare(&loan.image, &engine->target, failure, &frame, region);
    if (!status) {
        quality->reasons = quality_look(info, &frame);
        status = options->require_quality ? quality_require(quality, failure) : STATUS_OK;
    }
    if (!status && options->keep_side && !lateral)
        status = region_picture(&loan.image, region, options->keep_side, failure, &prediction->picture);
    if (!status && options->render_side)
        status = image_picture(&loan.image, options->render_side, failure,
                               lateral ? &prediction->lateral_render : &prediction->render);
    image_loan_return(&loan);
    if (status) {
        frame_finish(&frame);
        return false;
    }
    out->pixels = frame.pixels;
    out->patches = options->patches && !lateral;
    memcpy(out->minimum, frame.minimum, sizeof out->minimum);
    memcpy(out->maximum, frame.maximum, sizeof out->maximum);
    if (options->flip)
        out[1] = mirror(out, frame.height, frame.width);
    prediction->timing.preprocess_ms += clock_elapsed_ms(start_ns);
    return true;
}

/* Prepares all images of a study, so that what is known of each can be told; they fail together, as the first
 * that does. */
static bool prepare_study(const struct engine *engine, const struct bytes *images,
                          const struct predict_options *options, struct prediction *prediction,
                          struct batcher_image *out)
{
    const size_t passes = options->flip ? 2 : 1, views = pairing_images(options->pairing);
    for (size_t view = 0; view < views; view++) {
        struct failure failure = {0};
        if (!prepare(engine, images[view], options, view > 0, prediction, &failure, out + view * passes)) {
            study_blame(options->pairing, view > 0, &failure);
            if (!prediction->failure.status)
                prediction->failure = failure;
        }
    }
    for (size_t i = 0; prediction->failure.status && i < views * passes; i++) {
        free(out[i].pixels);
        out[i].pixels = NULL;
    }
    return !prediction->failure.status;
}

static float probability(const struct label *label, float logit)
{
    double x = label->calibrated ? label->scale * (double)logit + label->offset : (double)logit;
    return (float)(1 / (1 + exp(-x)));
}

/* Takes over an answer's arrays; the patch tokens become float32 here, on the request's thread. */
static void take_embedding(struct answer *answer, struct embedding *embedding)
{
    const struct rows *patches = &answer->patches;
    *embedding = (struct embedding){.class_token = answer->class_token, .mean = answer->mean};
    answer->class_token = answer->mean = NULL;
    if (!patches->data)
        return;
    embedding->patches = memory_allocate(patches->rows * patches->columns, sizeof(float));
    rows_read(patches, embedding->patches);
}

/* Turns an answer into a prediction's heads and embedding; takes over its arrays. */
static void take_answer(struct engine *engine, struct answer *answer, struct prediction *prediction)
{
    const struct model_card *card = engine_card(engine);
    const struct replica *replica = engine->replicas[answer->device];
    prediction->timing.queue_ms = answer->queue_ms;
    prediction->timing.inference_ms = answer->inference_ms;
    prediction->head_count = card->head_count;
    prediction->heads = memory_allocate(card->head_count, sizeof *prediction->heads);
    for (size_t i = 0; i < card->head_count; i++) {
        const struct head_card *head = &card->heads[i];
        const float *logits = answer->logits[i];
        float *probabilities = logits ? memory_allocate(head->label_count, sizeof *probabilities) : NULL;
        for (size_t label = 0; logits && label < head->label_count; label++)
            probabilities[label] = probability(&head->labels[label], logits[label]);
        prediction->heads[i] = (struct head_prediction){.head = head,
                                                        .logits = answer->logits[i],
                                                        .probabilities = probabilities,
                                                        .attention = answer->attention[i]};
        answer->logits[i] = answer->attention[i] = NULL;
    }
    take_embedding(answer, &prediction->embedding);
    answer_finish(answer);
    if (!prediction_check(card, replica_device_name(replica), replica_rung_name(replica), prediction))
        atomic_fetch_add(&engine->not_finite_count, 1);
}

/* Makes one answer of those of all passes of a study's images. */
static void merge_passes(const struct engine *engine, const struct predict_options *options,
                         struct answer *answers)
{
    const struct model_card *card = engine_card(engine);
    const size_t passes = options->flip ? 2 : 1, views = pairing_images(options->pairing);
    for (size_t view = 0; options->flip && view < views; view++)
        flip_merge(card, &answers[view * passes], &answers[view * passes + 1]);
    study_merge(card, options->pairing, answers, views > 1 ? &answers[passes] : NULL);
}

/* Prepares a study and queues its passes. It has failed alone where its prediction says so: then its places
 * are given back. */
static enum status queue_study(const struct engine *engine, struct queue_request *request,
                               const struct bytes *images, const struct predict_options *options,
                               struct failure *failure, struct prediction *prediction)
{
    const size_t passes = study_passes(options);
    struct batcher_image inputs[PASSES_MAX] = {0};
    const enum status status = patience_check(&options->patience, "its images were prepared", failure);
    if (status)
        return status;
    if (!prepare_study(engine, images, options, prediction, inputs)) {
        queue_give_back(request, passes);
        return STATUS_OK;
    }
    return queue_add(request, inputs, passes, failure);
}

enum status engine_predict(struct engine *engine, const struct bytes *images, size_t count,
                           const struct predict_options *options, struct failure *failure,
                           struct prediction *out)
{
    const size_t views = pairing_images(options->pairing), studies = count / views;
    const size_t passes = study_passes(options);
    struct queue_request *request = NULL;
    assert(count % views == 0);
    memset(out, 0, studies * sizeof *out);
    enum status status = flip_check(options->flip, count, engine->max_queue, failure);
    if (!status)
        status = queue_reserve(batcher_queue(engine->batcher), studies * passes, failure, &request);
    if (status)
        return status;
    for (size_t i = 0; i < studies && !status; i++) /* a device computes one while the next is decoded */
        status = queue_study(engine, request, &images[i * views], options, failure, &out[i]);
    struct answer *answers = memory_allocate(studies * passes, sizeof *answers), *answer = answers;
    if (status)
        queue_abandon(request);
    else
        status = queue_wait(request, &options->patience, failure, answers);
    for (size_t i = 0; i < studies && !status; i++) {
        if (out[i].failure.status)
            continue;
        merge_passes(engine, options, answer);
        take_answer(engine, answer, &out[i]);
        prediction_judge(options, &out[i]);
        answer += passes;
    }
    for (size_t i = 0; status && i < studies; i++)
        prediction_finish(&out[i]);
    free(answers);
    return status;
}
