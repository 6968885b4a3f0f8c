/* A model on a device: backbone and heads loaded, memory planned, one recorded forward pass for every batch
 * size.
 *
 * Used by one thread at a time.
 */
#ifndef CXRD_ENGINE_MODEL_MODEL_H
#define CXRD_ENGINE_MODEL_MODEL_H

#include "engine/kernels/kernels.h"
#include "engine/model/card.h"
#include "engine/model/shape.h"
#include "engine/model/tap.h"
#include "engine/weights/safetensors.h"

/* Where the weights come from; backbone NULL: random ones, for measuring. */
struct model_weights {
    const struct safetensors *backbone;
    const struct safetensors *const *heads; /* [card->head_count] */
};

/* One image as the network takes it. */
struct model_image {
    const uint8_t *pixels;  /* RGB [side][side][3]; borrowed during the call */
    const uint8_t *minimum; /* [3], per channel over the square; minimum < maximum */
    const uint8_t *maximum;
};

struct model;
/* Loads weights, plans activations for up to `max_batch` images and records every batch size. `timed` passes
 * take timestamps around every operation. The card, device and kernels are kept alive by the caller; the
 * weight files only during the call. */
WARN_UNUSED enum status model_create(struct gpu_device *device, const struct kernels *kernels,
                                     const struct model_card *card, const struct model_weights *weights,
                                     uint32_t max_batch, bool timed, struct failure *failure,
                                     struct model **out);
void model_destroy(struct model **model);

const struct shape *model_shape(const struct model *model);
size_t model_weight_bytes(const struct model *model);     /* on the device */
size_t model_activation_bytes(const struct model *model); /* on the device */

/* Runs 1..max_batch images and waits. DEVICE_LOST when the device is gone. */
WARN_UNUSED enum status model_run(struct model *model, const struct model_image *images, uint32_t count,
                                  struct failure *failure);

/* Answers of the last run, valid until the next: logits [labels]; attention [labels][patches], NULL for a
 * linear head. */
const float *model_logits(const struct model *model, size_t head, uint32_t image);
const float *model_attention(const struct model *model, size_t head, uint32_t image);

/* Milliseconds of each operation of the last run of a timed model, in order. */
WARN_UNUSED enum status model_timings(struct model *model, struct failure *failure,
                                      const struct gpu_timing **out, size_t *count);

/* Runs `count` images once with taps; taps->pool is the caller's. */
WARN_UNUSED enum status model_trace(struct model *model, const struct model_image *images, uint32_t count,
                                    struct taps *taps, struct failure *failure);

#endif
