#include "engine/replica.h"

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/log.h"
#include "engine/gpu/device.h"
#include "engine/kernels/choice.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct replica {
    const struct package *package;
    struct engine_options options; /* its texts are the replica's own */
    struct gpu_device *device;
    struct kernels *kernels;
    struct model *model;
    bool restoring; /* weights are read long after they were verified */
    _Atomic size_t memory_bytes;
    char device_uuid[37]; /* the same one is opened again, whatever its index is by then */
    char device_name[256], rung_name[32];
};

enum { MAX_BATCH_GPU = 8, MAX_BATCH_CPU = 4 };

/* Without heads it is all there is to look at. */
static enum status check_embedding(const struct replica *replica, struct failure *failure)
{
    size_t width = model_shape(replica->model)->width;
    float *tokens = memory_allocate(2 * width, sizeof *tokens);
    bool good = true;
    model_embedding(replica->model, 0, tokens, tokens + width);
    for (size_t i = 0; i < 2 * width; i++)
        good = good && isfinite(tokens[i]);
    free(tokens);
    return good ? STATUS_OK
                : failure_set(failure, STATUS_DEVICE,
                              "The self-test of the backbone failed on this device; try another rung.");
}

/* Every value of the last run is finite, every attention map of so many patches sums to 1. */
static enum status check_answers(const struct replica *replica, uint32_t patches, struct failure *failure)
{
    const struct model_card *card = package_card(replica->package);
    enum status status = check_embedding(replica, failure);
    for (size_t head = 0; !status && head < card->head_count; head++) {
        const float *logits = model_logits(replica->model, head, 0);
        const float *attention = model_attention(replica->model, head, 0);
        bool good = true;
        for (size_t label = 0; label < head_outputs(&card->heads[head]); label++) {
            double sum = 0;
            for (size_t p = 0; attention && p < patches; p++)
                sum += (double)attention[label * patches + p];
            good = good && isfinite(logits[label]) && (!attention || fabs(sum - 1) < 1e-2);
        }
        if (!good)
            status = failure_set(failure, STATUS_DEVICE,
                                 "The self-test of head \"%s\" failed on this device; try another rung.",
                                 card->heads[head].name);
    }
    return status;
}

/* Two passes on drawn stripes instead of a whole one, which takes seconds on a slow device: every operation
 * at its full size, which also tells how to cut passes, then every weight on few patches. */
static enum status self_test(struct replica *replica, struct failure *failure)
{
    const struct shape *shape = model_shape(replica->model), corner = shape_corner(shape);
    size_t count = shape_image_bytes(shape);
    uint8_t *pixels = memory_allocate(count, 1), low[3] = {0, 0, 0}, high[3] = {255, 255, 255};
    for (size_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)i;
    struct model_image image = {pixels, low, high};
    enum status status = model_prepare(replica->model, &image, failure);
    if (!status)
        status = check_answers(replica, shape->patches, failure);
    if (!status)
        status = model_run_corner(replica->model, &image, failure);
    if (!status)
        status = check_answers(replica, corner.patches, failure);
    free(pixels);
    return status;
}

/* The files are the ones that were verified, which may be long ago when a lost device is made again. */
static enum status load_model(struct replica *replica, const struct model_options *options,
                              struct failure *failure)
{
    const uint64_t before = package_stamp(replica->package);
    const struct model_card *card = package_card(replica->package);
    const struct safetensors **heads = memory_allocate(card->head_count, sizeof(struct safetensors *));
    for (size_t i = 0; i < card->head_count; i++)
        heads[i] = package_head(replica->package, i);
    struct model_weights weights = {.backbone = package_backbone(replica->package), .heads = heads};
    enum status status =
        model_create(replica->device, replica->kernels, card, &weights, options, failure, &replica->model);
    free(heads);
    /* At first package_verify says so, once the files are hashed. */
    return status || !replica->restoring ? status : package_verify_again(replica->package, before, failure);
}

/* Says how long a stage of making took and starts the next one's clock. */
static void say_stage(const char *stage, uint64_t *start_ns)
{
    log_message(LOG_DEBUG, "%s took %.0f ms", stage, clock_elapsed_ms(*start_ns));
    *start_ns = clock_now_ns();
}

/* On the chosen kernels. */
static enum status make_model(struct replica *replica, const struct model_options *options,
                              uint64_t *start_ns, struct failure *failure)
{
    enum status status = load_model(replica, options, failure);
    say_stage("loading the weights", start_ns);
    if (!status)
        atomic_store(&replica->memory_bytes,
                     model_weight_bytes(replica->model) + model_activation_bytes(replica->model));
    if (!status)
        status = self_test(replica, failure);
    say_stage("the self-test", start_ns);
    return status;
}

/* Kernels that trials chose have failed the model: makes room for others. False when there is no device any
 * more. */
static bool unmake_model(struct replica *replica, struct rung_record *record, enum status status,
                         struct failure *failure)
{
    enum rung rung = kernels_rung(replica->kernels);
    log_message(LOG_WARNING, "The %s kernels are not used: %s", rung_name(rung), failure->sentence);
    rung_record_fail(record, rung, failure->sentence);
    model_destroy(&replica->model);
    kernels_destroy(&replica->kernels);
    return status != STATUS_DEVICE_LOST || !gpu_device_reopen(&replica->device, failure);
}

/* Kernels, and the model on them: those are taken that pass all of it. */
static enum status make_on_kernels(struct replica *replica, const struct model_options *options,
                                   uint64_t *start_ns, struct failure *failure)
{
    const struct shape shape = shape_of(package_card(replica->package));
    const struct kernels_wish wish = {replica->options.rung, replica->options.precision,
                                      shape_for_trial(&shape, options->max_batch)};
    struct rung_record *record =
        wish.rung ? NULL : rung_record_open(replica->device, wish.precision, &wish.shape);
    enum status status;
    bool again = true;
    while (again) {
        status = kernels_choose(&replica->device, &wish, record, failure, &replica->kernels);
        say_stage("making the kernels", start_ns);
        bool chosen = !status;
        if (chosen)
            status = make_model(replica, options, start_ns, failure);
        bool failed = status == STATUS_DEVICE || status == STATUS_DEVICE_LOST;
        again = record && chosen && failed && unmake_model(replica, record, status, failure);
        if (record && failed && !again)
            rung_record_clear(record);
    }
    if (record && !status)
        rung_record_choose(record, kernels_rung(replica->kernels));
    rung_record_close(&record);
    return status;
}

static enum status open_device(struct replica *replica, const char *choice, struct failure *failure)
{
    const char *folder = replica->options.cache_folder;
    char *users = folder ? NULL : file_cache_folder();
    enum status status = gpu_device_create(choice, folder ? folder : users, failure, &replica->device);
    free(users);
    return status;
}

/* Everything from the device on. */
static enum status make(struct replica *replica, const char *choice, struct failure *failure)
{
    const struct engine_options *options = &replica->options;
    uint64_t start_ns = clock_now_ns();
    enum status status = open_device(replica, choice, failure);
    if (status)
        return status;
    say_stage("opening the device", &start_ns);
    struct model_options model = {.max_batch = options->max_batch,
                                  .in_flight = options->in_flight,
                                  .lose_on = options->lose_device_after ? options->lose_device_after + 1 : 0};
    if (!model.max_batch)
        model.max_batch = gpu_device_info(replica->device)->kind == GPU_CPU ? MAX_BATCH_CPU : MAX_BATCH_GPU;
    status = make_on_kernels(replica, &model, &start_ns, failure);
    if (!status)
        gpu_device_save_pipelines(replica->device); /* now: a killed process keeps what it compiled */
    return status;
}

static void unmake(struct replica *replica)
{
    model_destroy(&replica->model);
    kernels_destroy(&replica->kernels);
    gpu_device_destroy(&replica->device);
}

static const char *copy_option(const char *text)
{
    return text ? memory_copy_text(text) : NULL;
}

enum status replica_create(const struct package *package, const struct engine_options *options,
                           const char *choice, struct failure *failure, struct replica **out)
{
    struct replica *replica = memory_allocate(1, sizeof *replica);
    replica->package = package;
    replica->options = *options;
    replica->options.rung = copy_option(options->rung);
    replica->options.cache_folder = copy_option(options->cache_folder);
    enum status status = make(replica, choice, failure);
    if (status) {
        replica_destroy(&replica);
        return status;
    }
    replica->options.lose_device_after = 0; /* not again when it is restored */
    snprintf(replica->device_uuid, sizeof replica->device_uuid, "%s", gpu_device_info(replica->device)->uuid);
    snprintf(replica->device_name, sizeof replica->device_name, "%s", gpu_device_info(replica->device)->name);
    snprintf(replica->rung_name, sizeof replica->rung_name, "%s", rung_name(kernels_rung(replica->kernels)));
    *out = replica;
    return STATUS_OK;
}

void replica_destroy(struct replica **handle)
{
    struct replica *replica = handle ? *handle : NULL;
    if (!replica)
        return;
    unmake(replica);
    free((char *)replica->options.rung);
    free((char *)replica->options.cache_folder);
    free(replica);
    *handle = NULL;
}

enum status replica_restore(struct replica *replica, struct failure *failure)
{
    unmake(replica);
    replica->restoring = true;
    return make(replica, replica->device_uuid, failure);
}

struct model *replica_model(const struct replica *replica)
{
    return replica->model;
}

size_t replica_memory_bytes(const struct replica *replica)
{
    return atomic_load(&replica->memory_bytes);
}

const char *replica_device_name(const struct replica *replica)
{
    return replica->device_name;
}

const char *replica_rung_name(const struct replica *replica)
{
    return replica->rung_name;
}
