#include "engine/model/model.h"

#include "engine/model/glori.h"
#include "engine/model/linear.h"
#include "engine/model/plan.h"
#include "engine/model/vit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A head with its working memory and its answers. */
struct head {
    enum head_type type;
    struct glori glori;
    struct glori_state glori_state;
    struct linear linear;
    struct gpu_slice mean; /* linear heads: float32 panels [D/16][B][16] */
    struct head_output output;
    uint32_t classes;
};

struct model {
    struct gpu_device *device;
    const struct kernels *kernels;
    uint32_t max_batch, last_batch;
    struct gpu_pool *weights, *activations, *inputs, *outputs;
    struct vit vit;
    struct vit_state state;
    struct head *heads;
    size_t head_count;
    struct gpu_recorder **passes; /* [max_batch]: the pass of i + 1 images */
};

/* The stages of a pass, for the lifetimes of its activations. The blocks repeat the middle two. */
enum stage { STAGE_EMBED, STAGE_ATTENTION, STAGE_FFN, STAGE_HEADS };

static void plan_backbone(struct model *model, struct plan *plan)
{
    const struct shape *s = &model->vit.shape;
    struct vit_state *state = &model->state;
    size_t batch = model->max_batch, activation = element_size_bytes(kernels_activations(model->kernels));
    size_t rows = batch * s->tokens, patch_rows = batch * s->patches;
    int last_head = STAGE_HEADS + (int)model->head_count - 1;
    plan_add(plan, &state->columns, patch_rows * s->pixels * activation, STAGE_EMBED, STAGE_EMBED);
    plan_add(plan, &state->x, rows * s->width * sizeof(float), STAGE_EMBED, STAGE_FFN);
    plan_add(plan, &state->y, rows * s->width * activation, STAGE_ATTENTION, STAGE_FFN);
    plan_add(plan, &state->qkv, 3 * batch * s->tokens_padded * s->width * activation, STAGE_ATTENTION,
             STAGE_ATTENTION);
    plan_add(plan, &state->scratch, attention_scratch_bytes(model->kernels, batch, s->heads, s->tokens),
             STAGE_ATTENTION, STAGE_ATTENTION);
    plan_add(plan, &state->hidden, rows * s->hidden_padded * activation, STAGE_FFN, STAGE_FFN);
    plan_add(plan, &state->classes, batch * s->feature_blocks * s->width * sizeof(float), STAGE_ATTENTION,
             last_head);
    plan_add(plan, &state->memory, patch_rows * s->feature_blocks * s->width * activation, STAGE_ATTENTION,
             last_head);
}

/* Heads run one after the other: head i lives in its own stage. */
static void plan_head(struct model *model, struct plan *plan, struct head *head, int stage)
{
    const struct shape *s = &model->vit.shape;
    const struct glori *glori = &head->glori;
    struct glori_state *state = &head->glori_state;
    size_t batch = model->max_batch, activation = element_size_bytes(kernels_activations(model->kernels));
    size_t patch_rows = batch * s->patches, class_rows = batch * head->classes;
    if (head->type == HEAD_LINEAR) {
        plan_add(plan, &head->mean, batch * s->width * sizeof(float), stage, stage);
        return;
    }
    plan_add(plan, &state->m, patch_rows * glori->width * activation, stage, stage);
    plan_add(plan, &state->scores, patch_rows * glori->columns * sizeof(float), stage, stage);
    plan_add(plan, &state->weights, patch_rows * glori->columns * sizeof(float), stage, stage);
    plan_add(plan, &state->z, class_rows * GLORI_HEADS * glori->width * activation, stage, stage);
    plan_add(plan, &state->t, class_rows * glori->width * sizeof(float), stage, stage);
    plan_add(plan, &state->y, class_rows * glori->width * activation, stage, stage);
    plan_add(plan, &state->inner, class_rows * glori->inner * activation, stage, stage);
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

/* What the host writes before a pass and reads after it. Kernels read and write these in place. */
static enum status allocate_exchange(struct model *model, struct failure *failure)
{
    const struct shape *s = &model->vit.shape;
    struct vit_state *state = &model->state;
    size_t batch = model->max_batch;
    state->image_stride = (uint32_t)round_up((size_t)s->side * s->side * 3, 4);
    enum status status =
        gpu_pool_allocate(model->inputs, batch * state->image_stride, failure, &state->pixels);
    if (!status)
        status = gpu_pool_allocate(model->inputs, batch * 6 * sizeof(float), failure, &state->normalisation);
    for (size_t i = 0; !status && i < model->head_count; i++) {
        struct head *head = &model->heads[i];
        status = gpu_pool_allocate(model->outputs, batch * head->classes * sizeof(float), failure,
                                   &head->output.logits);
        if (!status && head->type == HEAD_GLORI)
            status = gpu_pool_allocate(model->outputs, batch * head->classes * s->patches * sizeof(float),
                                       failure, &head->output.attention);
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
        struct head *head = &model->heads[i];
        loader.file = weights->backbone ? weights->heads[i] : NULL;
        head->type = head_card->type;
        head->classes = (uint32_t)head_card->label_count;
        if (head->type == HEAD_GLORI)
            glori_load(&loader, &model->vit.shape, head_card, &head->glori);
        else
            linear_load(&loader, &model->vit.shape, head_card, &head->linear);
        if (loader.status)
            return failure_prefix(failure, "%s", head_card->weights);
    }
    return STATUS_OK;
}

/* Records the whole pass: backbone, then every head on its features. */
static enum status record_pass(struct model *model, uint32_t batch, bool timed, struct taps *taps,
                               struct failure *failure, struct gpu_recorder **out)
{
    struct gpu_recorder *recorder = NULL;
    enum status status = gpu_recorder_create(model->device, timed, failure, &recorder);
    if (status)
        return status;
    struct head_input input = {
        .shape = &model->vit.shape, .classes = model->state.classes, .memory = model->state.memory};
    vit_record(&model->vit, model->kernels, &model->state, batch, recorder, taps);
    for (size_t i = 0; i < model->head_count; i++) {
        struct head *head = &model->heads[i];
        if (head->type == HEAD_GLORI)
            glori_record(&head->glori, model->kernels, &input, &head->glori_state, &head->output, batch,
                         recorder, taps);
        else
            linear_record(&head->linear, model->kernels, &input, &head->mean, &head->output, batch, recorder);
    }
    status = gpu_recorder_finish(recorder, failure);
    if (status)
        gpu_recorder_destroy(&recorder);
    else
        *out = recorder;
    return status;
}

enum status model_create(struct gpu_device *device, const struct kernels *kernels,
                         const struct model_card *card, const struct model_weights *weights,
                         uint32_t max_batch, bool timed, struct failure *failure, struct model **out)
{
    assert(max_batch > 0);
    struct model *model = memory_allocate(1, sizeof *model);
    *model = (struct model){
        .device = device, .kernels = kernels, .max_batch = max_batch, .head_count = card->head_count};
    model->heads = memory_allocate(card->head_count, sizeof *model->heads);
    model->passes = memory_allocate(max_batch, sizeof(struct gpu_recorder *));
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
    if (!status)
        status = allocate_exchange(model, failure);
    for (uint32_t i = 0; !status && i < max_batch; i++)
        status = record_pass(model, i + 1, timed, NULL, failure, &model->passes[i]);
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
    for (uint32_t i = 0; i < model->max_batch; i++)
        gpu_recorder_destroy(&model->passes[i]);
    free(model->passes);
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

size_t model_weight_bytes(const struct model *model)
{
    return gpu_pool_size_bytes(model->weights);
}

size_t model_activation_bytes(const struct model *model)
{
    return gpu_pool_size_bytes(model->activations);
}

/* Per channel: ((byte/255 - low) / (high - low) - mean) / std with low = min/255, high = max/255, ImageNet's
 * mean and std, as one multiplication and one addition. */
static void write_normalisation(const struct model_image *image, float out[6])
{
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    for (int c = 0; c < 3; c++) {
        assert(image->maximum[c] > image->minimum[c]);
        double range = image->maximum[c] - image->minimum[c];
        out[c] = (float)(1 / (range * std[c]));
        out[3 + c] = (float)((-image->minimum[c] / range - mean[c]) / std[c]);
    }
}

static void write_inputs(struct model *model, const struct model_image *images, uint32_t count)
{
    const struct vit_state *state = &model->state;
    size_t image_bytes = (size_t)model->vit.shape.side * model->vit.shape.side * 3;
    for (uint32_t i = 0; i < count; i++) {
        memcpy((uint8_t *)state->pixels.mapped + (size_t)i * state->image_stride, images[i].pixels,
               image_bytes);
        write_normalisation(&images[i], (float *)state->normalisation.mapped + (size_t)6 * i);
    }
    model->last_batch = count;
}

static enum status run_pass(struct gpu_recorder *pass, struct failure *failure)
{
    enum status status = gpu_recorder_submit(pass, failure);
    return status ? status : gpu_recorder_wait(pass, UINT64_MAX, failure);
}

enum status model_run(struct model *model, const struct model_image *images, uint32_t count,
                      struct failure *failure)
{
    assert(count > 0 && count <= model->max_batch);
    write_inputs(model, images, count);
    return run_pass(model->passes[count - 1], failure);
}

const float *model_logits(const struct model *model, size_t head, uint32_t image)
{
    const struct head *at = &model->heads[head];
    return (const float *)at->output.logits.mapped + (size_t)image * at->classes;
}

const float *model_attention(const struct model *model, size_t head, uint32_t image)
{
    const struct head *at = &model->heads[head];
    if (at->type != HEAD_GLORI)
        return NULL;
    return (const float *)at->output.attention.mapped +
           (size_t)image * at->classes * model->vit.shape.patches;
}

enum status model_timings(struct model *model, struct failure *failure, const struct gpu_timing **out,
                          size_t *count)
{
    return gpu_recorder_timings(model->passes[model->last_batch - 1], failure, out, count);
}

enum status model_trace(struct model *model, const struct model_image *images, uint32_t count,
                        struct taps *taps, struct failure *failure)
{
    struct gpu_recorder *pass = NULL;
    enum status status = record_pass(model, count, false, taps, failure, &pass);
    if (status)
        return status;
    if (taps->status)
        status = failure_set(failure, taps->status, "The taps do not fit in memory.");
    write_inputs(model, images, count);
    if (!status)
        status = run_pass(pass, failure);
    gpu_recorder_destroy(&pass);
    return status;
}
