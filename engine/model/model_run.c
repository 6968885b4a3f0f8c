/* Batches through a model: inputs written, the recorded pass submitted, answers read. */
#include "engine/model/model_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MEASURED_TWICE_MS_MAX = 200 };

static void write_inputs(struct model *model, struct model_slot *slot, const struct model_image *images,
                         uint32_t count)
{
    size_t image_bytes = shape_image_bytes(&model->vit.shape);
    for (uint32_t i = 0; i < count; i++) {
        memcpy((uint8_t *)slot->pixels.mapped + (size_t)i * model->state.image_stride, images[i].pixels,
               image_bytes);
        profile_normalisation(&model->profile, images[i].minimum, images[i].maximum,
                              (float *)slot->normalisation.mapped + (size_t)6 * i);
    }
    slot->count = count;
}

static struct model_slot *slot_of(struct model *model, uint64_t batch)
{
    return &model->slots[batch % model->options.in_flight];
}

/* The batch that was waited for last. */
static const struct model_slot *last_slot(const struct model *model)
{
    assert(model->landed > 0);
    return &model->slots[(model->landed - 1) % model->options.in_flight];
}

enum status model_submit(struct model *model, const struct model_image *images, uint32_t count,
                         struct failure *failure)
{
    assert(model->recorded && count > 0 && count <= model->options.max_batch);
    assert(model->submitted - model->landed < model->options.in_flight);
    struct model_slot *slot = slot_of(model, model->submitted);
    write_inputs(model, slot, images, count);
    if (model->options.lose_on && !--model->options.lose_on)
        gpu_device_lose_after(model->device, 0);
    enum status status = gpu_recorder_submit(slot->passes[count - 1], failure);
    if (!status)
        model->submitted++;
    return status;
}

enum status model_wait(struct model *model, uint64_t timeout_ns, struct failure *failure)
{
    assert(model->landed < model->submitted);
    struct model_slot *slot = slot_of(model, model->landed);
    enum status status = gpu_recorder_wait(slot->passes[slot->count - 1], timeout_ns, failure);
    if (status != STATUS_TIMEOUT)
        model->landed++;
    return status;
}

uint64_t model_progress(const struct model *model)
{
    const struct model_slot *slot = &model->slots[model->landed % model->options.in_flight];
    return gpu_recorder_progress(slot->passes[slot->count - 1]);
}

/* A first run also pays for what is cold: where a second one costs little, the smaller times count. */
static enum status measure(struct gpu_recorder *pass, struct failure *failure, double **out, size_t *count)
{
    double *again = NULL, sum_ms = 0;
    enum status status = gpu_recorder_measure(pass, failure, out, count);
    for (size_t i = 0; !status && i < *count; i++)
        sum_ms += (*out)[i];
    if (status || sum_ms > MEASURED_TWICE_MS_MAX)
        return status;
    status = gpu_recorder_measure(pass, failure, &again, count);
    for (size_t i = 0; !status && i < *count; i++)
        (*out)[i] = again[i] < (*out)[i] ? again[i] : (*out)[i];
    free(again);
    return status;
}

/* One dispatch at a time, since nobody knows yet what a device takes for one. */
enum status model_prepare(struct model *model, const struct model_image *image, struct failure *failure)
{
    assert(!model->recorded);
    struct model_slot *slot = slot_of(model, model->submitted);
    struct gpu_recorder *pass = NULL;
    double *ms = NULL;
    size_t dispatches = 0;
    enum status status = model_record(model, slot, &model->vit.shape, 1, 1, NULL, failure, &pass);
    if (status)
        return status;
    write_inputs(model, slot, image, 1);
    status = measure(pass, failure, &ms, &dispatches);
    gpu_recorder_destroy(&pass);
    if (!status)
        status = model_record_all(model, ms, dispatches, failure);
    if (!status)
        model->landed = ++model->submitted;
    free(ms);
    return status;
}

enum status model_run(struct model *model, const struct model_image *images, uint32_t count,
                      struct failure *failure)
{
    assert(model->landed == model->submitted);
    enum status status = model->recorded ? STATUS_OK : model_prepare(model, images, failure);
    if (!status)
        status = model_submit(model, images, count, failure);
    return status ? status : model_wait(model, UINT64_MAX, failure);
}

/* Records and runs a pass that is not kept; its answers are the last ones. */
static enum status run_once(struct model *model, const struct model_image *images, uint32_t count,
                            const struct shape *shape, uint32_t cut, struct taps *taps,
                            struct failure *failure)
{
    assert(model->landed == model->submitted);
    struct model_slot *slot = slot_of(model, model->submitted);
    struct gpu_recorder *pass = NULL;
    enum status status = model_record(model, slot, shape, count, cut, taps, failure, &pass);
    if (status)
        return status;
    if (taps && taps->status)
        status = failure_set(failure, taps->status, "The taps do not fit in memory.");
    write_inputs(model, slot, images, count);
    if (!status)
        status = gpu_recorder_submit(pass, failure);
    if (!status)
        status = gpu_recorder_wait(pass, UINT64_MAX, failure);
    model->landed = ++model->submitted;
    gpu_recorder_destroy(&pass);
    return status;
}

/* Its dispatches are those of a whole image and each takes less. */
enum status model_run_corner(struct model *model, const struct model_image *image, struct failure *failure)
{
    assert(model->recorded);
    const struct shape corner = shape_corner(&model->vit.shape);
    return run_once(model, image, 1, &corner, model->single_cut, NULL, failure);
}

enum status model_trace(struct model *model, const struct model_image *images, uint32_t count,
                        struct taps *taps, struct failure *failure)
{
    return run_once(model, images, count, &model->vit.shape, 0, taps, failure);
}

const float *model_logits(const struct model *model, size_t head, uint32_t image)
{
    const struct head_output *output = &last_slot(model)->outputs[head];
    return (const float *)output->logits.mapped + (size_t)image * model->heads[head].classes;
}

const float *model_attention(const struct model *model, size_t head, uint32_t image)
{
    const struct model_head *at = &model->heads[head];
    if (at->type != HEAD_GLORI)
        return NULL;
    return (const float *)last_slot(model)->outputs[head].attention.mapped +
           (size_t)image * at->classes * model->vit.shape.patches;
}

void model_embedding(const struct model *model, uint32_t image, float *class_token, float *mean)
{
    const struct model_slot *slot = last_slot(model);
    size_t width = model->vit.shape.width, blocks = model->vit.shape.feature_blocks;
    const float *classes = slot->classes.mapped, *panels = slot->mean.mapped;
    memcpy(class_token, classes + ((image + 1) * blocks - 1) * width, width * sizeof *class_token);
    for (size_t panel = 0; panel < width / PANEL; panel++)
        memcpy(mean + panel * PANEL, panels + (panel * slot->count + image) * PANEL, PANEL * sizeof *mean);
}

enum status model_patches(struct model *model, const bool *wanted, struct failure *failure, struct rows *out)
{
    assert(model->landed == model->submitted);
    const struct shape *shape = &model->vit.shape;
    enum element element = kernels_activations(model->kernels);
    size_t count = last_slot(model)->count, column = (shape->feature_blocks - 1) * shape->width;
    struct layout layout = kernels_layout(model->kernels, count * shape->patches, column + shape->width);
    /* From where the last block's features begin: in panels nothing else follows. */
    size_t start = layout_index(&layout, 0, column), size_bytes = element_size_bytes(element),
           wanted_bytes = (layout_count(&layout) - start) * size_bytes;
    void *data = memory_allocate(wanted_bytes, 1);
    enum status status =
        gpu_slice_read(model->device, &model->state.memory, start * size_bytes, data, wanted_bytes, failure);
    for (size_t i = 0; !status && i < count; i++)
        if (wanted[i])
            out[i] = rows_gather(data, start, element, &layout, i * shape->patches, shape->patches, column,
                                 shape->width);
    free(data);
    return status;
}

enum status model_timings(struct model *model, struct failure *failure, const struct gpu_timing **out,
                          size_t *count)
{
    const struct model_slot *slot = last_slot(model);
    return gpu_recorder_timings(slot->passes[slot->count - 1], failure, out, count);
}
