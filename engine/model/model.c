/* A model's making: weights loaded, memory planned, passes recorded. model_run.c runs it. */
#include "engine/base/log.h"
#include "engine/model/model_parts.h"
#include "engine/model/pace.h"
#include "engine/model/plan.h"

#include <assert.h>
#include <stdlib.h>

/* The stages of a pass, for the lifetimes of its activations. The blocks repeat the middle two. */
enum stage { STAGE_EMBED, STAGE_ATTENTION, STAGE_FFN, STAGE_HEADS };

/* From one image's pixels to the next one's. */
static size_t image_stride(const struct shape *shape)
{
    return round_up(shape_image_bytes(shape), 4);
}

static void plan_backbone(struct model *model, struct plan *plan)
{
    const struct shape *s = &model->vit.shape;
    struct vit_state *state = &model->state;
    const struct kernels *kernels = model->kernels;
    size_t batch = model->options.max_batch, rows = batch * s->tokens, patch_rows = batch * s->patches;
    int last_head = STAGE_HEADS + (model->head_count ? (int)model->head_count - 1 : 0);
    if (gpu_device_info(model->device)->kind == GPU_DISCRETE) /* patchify reads them once a channel */
        plan_add(plan, &model->pixels, batch * image_stride(s), STAGE_EMBED, STAGE_EMBED);
    plan_add(plan, &state->columns, kernels_activation_bytes(kernels, patch_rows, s->pixels), STAGE_EMBED,
             STAGE_EMBED);
    plan_add(plan, &state->x, rows * s->width * sizeof(float), STAGE_EMBED, STAGE_FFN);
    plan_add(plan, &state->y, kernels_activation_bytes(kernels, rows, s->width), STAGE_ATTENTION, STAGE_FFN);
    plan_add(plan, &state->qkv,
             3 * batch * s->tokens_padded * s->width * element_size_bytes(kernels_activations(kernels)),
             STAGE_ATTENTION, STAGE_ATTENTION);
    plan_add(plan, &state->scratch, attention_scratch_bytes(kernels, batch, s->heads, s->tokens),
             STAGE_ATTENTION, STAGE_ATTENTION);
    plan_add(plan, &state->hidden, kernels_activation_bytes(kernels, rows, s->hidden_padded), STAGE_FFN,
             STAGE_FFN);
    plan_add(plan, &state->classes, batch * s->feature_blocks * s->width * sizeof(float), STAGE_ATTENTION,
             last_head);
    plan_add(plan, &state->memory,
             kernels_activation_bytes(kernels, patch_rows, s->feature_blocks * s->width), STAGE_ATTENTION,
             last_head);
    plan_add(plan, &model->mean, batch * s->width * sizeof(float), STAGE_HEADS, last_head);
}

/* Heads run one after the other: head i lives in its own stage. */
static void plan_head(struct model *model, struct plan *plan, struct model_head *head, int stage)
{
    const struct shape *s = &model->vit.shape;
    const struct glori *glori = &head->glori;
    struct glori_state *state = &head->glori_state;
    const struct kernels *kernels = model->kernels;
    size_t batch = model->options.max_batch;
    size_t patch_rows = batch * s->patches, class_rows = batch * head->outputs;
    if (head->type == HEAD_LINEAR)
        return;
    plan_add(plan, &state->m, kernels_activation_bytes(kernels, patch_rows, glori->width), stage, stage);
    plan_add(plan, &state->scores, patch_rows * glori->columns * sizeof(float), stage, stage);
    plan_add(plan, &state->weights, patch_rows * glori->columns * sizeof(float), stage, stage);
    plan_add(plan, &state->z, kernels_activation_bytes(kernels, class_rows, GLORI_HEADS * glori->width),
             stage, stage);
    plan_add(plan, &state->t, class_rows * glori->width * sizeof(float), stage, stage);
    plan_add(plan, &state->y, kernels_activation_bytes(kernels, class_rows, glori->width), stage, stage);
    plan_add(plan, &state->inner, kernels_activation_bytes(kernels, class_rows, glori->inner), stage, stage);
}

static enum status allocate_activations(struct model *model, struct failure *failure)
{
    uint64_t limit = (uint64_t)1 << 30, device_limit = gpu_device_info(model->device)->allocation_bytes_max;
    struct plan *plan = memory_allocate(1, sizeof *plan);
    plan_backbone(model, plan);
    for (size_t i = 0; i < model->head_count; i++)
        plan_head(model, plan, &model->heads[i], STAGE_HEADS + (int)i);
    enum status status =
        plan_allocate(plan, model->activations, device_limit < limit ? device_limit : limit, failure);
    free(plan);
    return status;
}

/* What the host writes before a pass and reads after it. Kernels read and write these in place, but for the
 * pixels of a device whose memory is its own. */
static enum status allocate_slot(struct model *model, struct model_slot *slot, struct failure *failure)
{
    size_t batch = model->options.max_batch;
    model->state.image_stride = (uint32_t)image_stride(&model->vit.shape);
    slot->outputs = memory_allocate(model->head_count, sizeof *slot->outputs);
    slot->passes = memory_allocate(batch, sizeof(struct gpu_recorder *));
    enum status status =
        gpu_pool_allocate(model->inputs, batch * model->state.image_stride, failure, &slot->pixels);
    if (!status)
        status = gpu_pool_allocate(model->inputs, batch * 6 * sizeof(float), failure, &slot->normalisation);
    if (!status)
        status = gpu_pool_allocate(model->outputs, model->state.classes.size_bytes, failure, &slot->classes);
    if (!status)
        status = gpu_pool_allocate(model->outputs, model->mean.size_bytes, failure, &slot->mean);
    for (size_t i = 0; !status && i < model->head_count; i++) {
        size_t logits = batch * model->heads[i].outputs;
        status = gpu_pool_allocate(model->outputs, logits * sizeof(float), failure, &slot->outputs[i].logits);
        if (!status && model->heads[i].type == HEAD_GLORI)
            status = gpu_pool_allocate(model->outputs, logits * model->vit.shape.patches * sizeof(float),
                                       failure, &slot->outputs[i].attention);
    }
    return status;
}

static enum status load_weights(struct model *model, const struct model_card *card,
                                const struct model_weights *weights, struct failure *failure)
{
    struct loader loader = {.device = model->device,
                            .kernels = model->kernels,
                            .pool = model->weights,
                            .file = weights->backbone,
                            .seed = 0x9e3779b97f4a7c15ull,
                            .failure = failure};
    vit_load(&loader, card, &model->vit);
    if (loader.status)
        return failure_prefix(failure, "%s", card->backbone.weights);
    for (size_t i = 0; i < card->head_count; i++) {
        const struct head_card *head_card = &card->heads[i];
        struct model_head *head = &model->heads[i];
        loader.file = weights->backbone ? weights->heads[i] : NULL;
        head->type = head_card->type;
        head->outputs = (uint32_t)head_outputs(head_card);
        if (head->type == HEAD_GLORI)
            glori_load(&loader, &model->vit.shape, head_card, &head->glori);
        else
            linear_load(&loader, &model->vit.shape, head_card, &head->linear);
        if (loader.status)
            return failure_prefix(failure, "%s", head_card->weights);
    }
    return STATUS_OK;
}

/* The mean patch token of the last block, and for the host that and the class tokens. The patch tokens
 * themselves stay on the device: they are large and seldom wanted (model_patches). */
static void record_embeddings(const struct model *model, const struct model_slot *slot,
                              const struct head_input *input, uint32_t batch, struct gpu_recorder *recorder)
{
    const struct shape *shape = input->shape;
    average_record(model->kernels, recorder, "average",
                   &(struct average_params){.patches = head_memory(input, 1, batch, model->kernels),
                                            .out = input->mean.address,
                                            .batch = batch,
                                            .patch_count = shape->patches,
                                            .width = shape->width,
                                            .patch_columns = shape->feature_blocks * shape->width});
    size_t token_bytes = batch * shape->width * sizeof(float);
    gpu_record_together_begin(recorder);
    gpu_record_copy(recorder, &input->classes, 0, &slot->classes, 0, token_bytes * shape->feature_blocks);
    gpu_record_copy(recorder, &input->mean, 0, &slot->mean, 0, token_bytes);
    gpu_record_together_end(recorder);
}

enum status model_record(struct model *model, const struct model_slot *slot, const struct shape *shape,
                         uint32_t batch, uint32_t cut, struct taps *taps, struct failure *failure,
                         struct gpu_recorder **out)
{
    struct gpu_recorder *recorder = NULL;
    enum status status =
        gpu_recorder_create(model->device, model->options.timed && !taps, failure, &recorder);
    if (status)
        return status;
    gpu_recorder_cut(recorder, cut);
    struct head_input input = {
        .shape = shape, .classes = model->state.classes, .memory = model->state.memory, .mean = model->mean};
    struct vit_state state = model->state;
    struct vit vit = model->vit;
    vit.shape = *shape;
    state.pixels = slot->pixels;
    state.normalisation = slot->normalisation;
    if (model->pixels.size_bytes) {
        gpu_record_copy(recorder, &slot->pixels, 0, &model->pixels, 0, (size_t)batch * state.image_stride);
        state.pixels = model->pixels;
    }
    vit_record(&vit, model->kernels, &state, batch, recorder, taps);
    record_embeddings(model, slot, &input, batch, recorder);
    for (size_t i = 0; i < model->head_count; i++) {
        struct model_head *head = &model->heads[i];
        if (head->type == HEAD_GLORI)
            glori_record(&head->glori, model->kernels, &input, &head->glori_state, &slot->outputs[i], batch,
                         recorder, taps);
        else
            linear_record(&head->linear, model->kernels, &input, &slot->outputs[i], batch, recorder);
    }
    status = gpu_recorder_finish(recorder, failure);
    if (status)
        gpu_recorder_destroy(&recorder);
    else
        *out = recorder;
    return status;
}

enum status model_record_all(struct model *model, const double *ms, size_t count, struct failure *failure)
{
    enum status status = STATUS_OK;
    for (uint32_t batch = 1; !status && batch <= model->options.max_batch; batch++) {
        uint32_t cut = pace_cut(ms, count, batch);
        if (cut)
            log_message(LOG_DEBUG, "a batch of %u takes %zu submissions", batch, (count + cut - 1) / cut);
        for (uint32_t i = 0; !status && i < model->options.in_flight; i++)
            status = model_record(model, &model->slots[i], &model->vit.shape, batch, cut, NULL, failure,
                                  &model->slots[i].passes[batch - 1]);
    }
    model->single_cut = pace_cut(ms, count, 1);
    model->recorded = !status;
    return status;
}

uint32_t model_default_batch(const struct gpu_device *device)
{
    return gpu_device_info(device)->kind == GPU_CPU ? 4 : 8;
}

/* A CPU driver computes on the cores that would write the next batch's inputs: a second in flight gains it
 * nothing. */
static uint32_t choose_in_flight(const struct model *model)
{
    return gpu_device_info(model->device)->kind == GPU_CPU ? 1 : 2;
}

enum status model_create(struct gpu_device *device, const struct kernels *kernels,
                         const struct model_card *card, const struct model_weights *weights,
                         const struct model_options *options, struct failure *failure, struct model **out)
{
    assert(options->max_batch > 0 && options->in_flight <= MODEL_IN_FLIGHT_MAX);
    struct model *model = memory_allocate(1, sizeof *model);
    *model = (struct model){.device = device,
                            .kernels = kernels,
                            .options = *options,
                            .profile = card->profile,
                            .head_count = card->head_count};
    if (!options->in_flight)
        model->options.in_flight = choose_in_flight(model);
    model->heads = memory_allocate(card->head_count, sizeof *model->heads);
    enum status status = gpu_pool_create(device, GPU_MEMORY_DEVICE, failure, &model->weights);
    if (!status)
        status = gpu_pool_create(device, GPU_MEMORY_DEVICE, failure, &model->activations);
    if (!status)
        status = gpu_pool_create(device, GPU_MEMORY_UPLOAD, failure, &model->inputs);
    if (!status)
        status = gpu_pool_create(device, GPU_MEMORY_READBACK, failure, &model->outputs);
    if (!status)
        status = load_weights(model, card, weights, failure);
    if (!status)
        status = allocate_activations(model, failure);
    for (uint32_t i = 0; !status && i < model->options.in_flight; i++)
        status = allocate_slot(model, &model->slots[i], failure);
    if (status)
        model_destroy(&model);
    else
        *out = model;
    return status;
}

void model_destroy(struct model **handle)
{
    struct model *model = handle ? *handle : NULL;
    if (!model)
        return;
    for (uint32_t i = 0; i < MODEL_IN_FLIGHT_MAX; i++) {
        struct model_slot *slot = &model->slots[i];
        for (uint32_t batch = 0; slot->passes && batch < model->options.max_batch; batch++)
            gpu_recorder_destroy(&slot->passes[batch]);
        free(slot->passes);
        free(slot->outputs);
    }
    free(model->heads);
    vit_finish(&model->vit);
    gpu_pool_destroy(&model->outputs);
    gpu_pool_destroy(&model->inputs);
    gpu_pool_destroy(&model->activations);
    gpu_pool_destroy(&model->weights);
    free(model);
    *handle = NULL;
}

const struct shape *model_shape(const struct model *model)
{
    return &model->vit.shape;
}

uint32_t model_glori_width(const struct model *model, size_t head)
{
    assert(head < model->head_count);
    return model->heads[head].type == HEAD_GLORI ? model->heads[head].glori.width : 0;
}

size_t model_weight_bytes(const struct model *model)
{
    return gpu_pool_size_bytes(model->weights);
}

size_t model_activation_bytes(const struct model *model)
{
    return gpu_pool_size_bytes(model->activations);
}

uint32_t model_max_batch(const struct model *model)
{
    return model->options.max_batch;
}

uint32_t model_in_flight_max(const struct model *model)
{
    return model->options.in_flight;
}
