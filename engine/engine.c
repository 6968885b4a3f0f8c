#include "engine/engine.h"

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/gpu/device.h"
#include "engine/kernels/kernels.h"
#include "engine/model/batcher.h"
#include "engine/model/model.h"
#include "engine/model/package.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct engine {
    struct package *package;
    struct gpu_device *device;
    struct kernels *kernels;
    struct model *model;
    struct batcher *batcher;
    uint32_t max_queue;
};

enum { MAX_BATCH_GPU = 8, MAX_BATCH_CPU = 4, MAX_QUEUE = 256 };

/* A forward pass on a drawn gradient: every logit finite, every attention map sums to 1. */
static enum status self_test(struct engine *engine, struct failure *failure)
{
    const struct model_card *card = package_card(engine->package);
    const struct shape *shape = model_shape(engine->model);
    size_t count = (size_t)shape->side * shape->side * 3;
    uint8_t *pixels = memory_allocate(count, 1), low[3] = {0, 0, 0}, high[3] = {255, 255, 255};
    for (size_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)(i * 255 / (count - 1));
    struct model_image image = {pixels, low, high};
    enum status status = model_run(engine->model, &image, 1, failure);
    for (size_t head = 0; !status && head < card->head_count; head++) {
        const float *logits = model_logits(engine->model, head, 0);
        const float *attention = model_attention(engine->model, head, 0);
        bool good = true;
        for (size_t label = 0; label < card->heads[head].label_count; label++) {
            double sum = 0;
            for (size_t p = 0; attention && p < shape->patches; p++)
                sum += (double)attention[label * shape->patches + p];
            good = good && isfinite(logits[label]) && (!attention || fabs(sum - 1) < 1e-2);
        }
        if (!good)
            status = failure_set(failure, STATUS_DEVICE,
                                 "The self-test of head \"%s\" failed on this device; try another rung.",
                                 card->heads[head].name);
    }
    free(pixels);
    return status;
}

static enum status load_model(struct engine *engine, uint32_t max_batch, struct failure *failure)
{
    const struct model_card *card = package_card(engine->package);
    const struct safetensors **heads = memory_allocate(card->head_count, sizeof(struct safetensors *));
    for (size_t i = 0; i < card->head_count; i++)
        heads[i] = package_head(engine->package, i);
    struct model_weights weights = {.backbone = package_backbone(engine->package), .heads = heads};
    enum status status = model_create(engine->device, engine->kernels, card, &weights, max_batch, false,
                                      failure, &engine->model);
    free(heads);
    return status;
}

static enum status open_device(struct engine *engine, const struct engine_options *options,
                               struct failure *failure)
{
    char *users = options->cache_folder ? NULL : file_cache_folder();
    enum status status =
        gpu_device_create(options->device ? options->device : "auto",
                          options->cache_folder ? options->cache_folder : users, failure, &engine->device);
    free(users);
    return status;
}

enum status engine_create(const struct engine_options *options, struct failure *failure, struct engine **out)
{
    struct engine *engine = memory_allocate(1, sizeof *engine);
    enum status status = package_open(options->model, failure, &engine->package);
    if (!status)
        status = open_device(engine, options, failure);
    if (status)
        goto fail;
    const struct gpu_device_info *info = gpu_device_info(engine->device);
    status = kernels_choose(engine->device, options->rung, options->precision, failure, &engine->kernels);
    if (status)
        goto fail;
    uint32_t max_batch = options->max_batch;
    if (!max_batch)
        max_batch = info->kind == GPU_CPU ? MAX_BATCH_CPU : MAX_BATCH_GPU;
    engine->max_queue = options->max_queue ? options->max_queue : MAX_QUEUE;
    status = load_model(engine, max_batch, failure);
    if (!status)
        status = self_test(engine, failure);
    if (!status)
        gpu_device_save_pipelines(engine->device); /* now: a killed process keeps what it compiled */
    if (!status)
        status = batcher_create(engine->model, package_card(engine->package),
                                &(struct batcher_options){.max_batch = max_batch,
                                                          .max_queue = engine->max_queue,
                                                          .max_queue_delay_us = options->max_queue_delay_us},
                                failure, &engine->batcher);
    if (status)
        goto fail;
    *out = engine;
    return STATUS_OK;
fail:
    engine_destroy(&engine);
    return status;
}

void engine_destroy(struct engine **handle)
{
    struct engine *engine = handle ? *handle : NULL;
    if (!engine)
        return;
    batcher_destroy(&engine->batcher);
    model_destroy(&engine->model);
    kernels_destroy(&engine->kernels);
    gpu_device_destroy(&engine->device);
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
    return gpu_device_info(engine->device)->name;
}

const char *engine_rung_name(const struct engine *engine)
{
    return rung_name(kernels_rung(engine->kernels));
}

bool engine_usable(const struct engine *engine)
{
    return batcher_usable(engine->batcher);
}

size_t engine_queue_depth(const struct engine *engine)
{
    return batcher_depth(engine->batcher);
}

size_t engine_queue_capacity(const struct engine *engine)
{
    return engine->max_queue;
}

/* Decodes and preprocesses one image; what goes wrong is the image's own failure. */
static bool prepare(const struct engine *engine, struct bytes encoded, bool keep_pixels,
                    struct prediction *prediction, struct batcher_image *out)
{
    struct image image = {0};
    struct square square = {0};
    uint64_t start_ns = clock_now_ns();
    enum status status = image_decode(encoded, &prediction->failure, &image, &prediction->image);
    prediction->timing.decode_ms = clock_elapsed_ms(start_ns);
    if (status)
        return false;
    start_ns = clock_now_ns();
    status = image_prepare(&image, model_shape(engine->model)->side, &prediction->failure, &square,
                           &prediction->region);
    prediction->timing.preprocess_ms = clock_elapsed_ms(start_ns);
    if (!status && keep_pixels)
        prediction->pixels = image;
    else
        image_finish(&image);
    if (status)
        return false;
    out->pixels = square.pixels;
    memcpy(out->minimum, square.minimum, sizeof out->minimum);
    memcpy(out->maximum, square.maximum, sizeof out->maximum);
    return true;
}

static float probability(const struct label *label, float logit)
{
    double x = label->calibrated ? label->scale * (double)logit + label->offset : (double)logit;
    return (float)(1 / (1 + exp(-x)));
}

/* Turns an answer into a prediction's heads; takes over its arrays. */
static void take_answer(const struct model_card *card, struct answer *answer, struct prediction *prediction)
{
    prediction->timing.queue_ms = answer->queue_ms;
    prediction->timing.inference_ms = answer->inference_ms;
    prediction->head_count = card->head_count;
    prediction->heads = memory_allocate(card->head_count, sizeof *prediction->heads);
    for (size_t i = 0; i < card->head_count; i++) {
        const struct head_card *head = &card->heads[i];
        float *probabilities = memory_allocate(head->label_count, sizeof *probabilities);
        for (size_t label = 0; label < head->label_count; label++)
            probabilities[label] = probability(&head->labels[label], answer->logits[i][label]);
        prediction->heads[i] = (struct head_prediction){.head = head,
                                                        .logits = answer->logits[i],
                                                        .probabilities = probabilities,
                                                        .attention = answer->attention[i]};
        answer->logits[i] = answer->attention[i] = NULL;
    }
    answer_finish(answer);
}

enum status engine_predict(struct engine *engine, const struct bytes *images, size_t count,
                           const struct predict_options *options, struct failure *failure,
                           struct prediction *out)
{
    struct batcher_image *squares = memory_allocate(count, sizeof *squares);
    struct answer *answers = memory_allocate(count, sizeof *answers);
    size_t *owners = memory_allocate(count, sizeof *owners),
           prepared = 0; /* out[owners[i]] is of squares[i] */
    enum status status = STATUS_OK;
    memset(out, 0, count * sizeof *out);
    for (size_t i = 0; i < count; i++)
        if (prepare(engine, images[i], options->keep_pixels, &out[i], &squares[prepared]))
            owners[prepared++] = i;
    if (prepared)
        status = batcher_run(engine->batcher, squares, prepared, options->deadline_ns, failure, answers);
    for (size_t i = 0; !status && i < prepared; i++)
        take_answer(engine_card(engine), &answers[i], &out[owners[i]]);
    for (size_t i = 0; status && i < count; i++)
        prediction_finish(&out[i]);
    free(owners);
    free(answers);
    free(squares);
    return status;
}

void prediction_finish(struct prediction *prediction)
{
    for (size_t i = 0; i < prediction->head_count; i++) {
        free(prediction->heads[i].logits);
        free(prediction->heads[i].probabilities);
        free(prediction->heads[i].attention);
    }
    free(prediction->heads);
    image_finish(&prediction->pixels);
    *prediction = (struct prediction){0};
}
