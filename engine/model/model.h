/* A model on a device: backbone and heads loaded, memory planned, one recorded forward pass for every batch
 * size, cut into submissions that do not keep a slow device too long.
 *
 * Used by one thread at a time.
 */
#ifndef CXRD_ENGINE_MODEL_MODEL_H
#define CXRD_ENGINE_MODEL_MODEL_H

#include "engine/kernels/kernels.h"
#include "engine/model/rows.h"
#include "engine/model/shape.h"
#include "engine/model/tap.h"
#include "engine/package/card.h"
#include "engine/weights/safetensors.h"

/* Where the weights come from; backbone NULL: random ones, for measuring. */
struct model_weights {
    const struct safetensors *backbone;
    const struct safetensors *const *heads; /* [card->head_count] */
};

/* One image as the network takes it. */
struct model_image {
    const uint8_t *pixels;  /* RGB [height][width][3]; borrowed during the call */
    const uint8_t *minimum; /* [3], per channel over the image; with min_max minimum < maximum */
    const uint8_t *maximum;
};

enum { MODEL_IN_FLIGHT_MAX = 3 };

struct model_options {
    uint32_t max_batch;
    uint32_t in_flight; /* batches submitted at once, up to MODEL_IN_FLIGHT_MAX; 0: what suits the device */
    bool timed;         /* takes timestamps around every operation */
    uint32_t lose_on;   /* a drill: the device looks lost from that batch on, 1 the first; 0: no drill */
};

/* The max_batch of a service where nothing is asked for. */
uint32_t model_default_batch(const struct gpu_device *device);

struct model;
/* Loads weights and plans activations for up to max_batch images. The card, device and kernels are kept alive
 * by the caller; the weight files only during the call. */
WARN_UNUSED enum status model_create(struct gpu_device *device, const struct kernels *kernels,
                                     const struct model_card *card, const struct model_weights *weights,
                                     const struct model_options *options, struct failure *failure,
                                     struct model **out);
/* Waits for what is in flight. */
void model_destroy(struct model **model);

const struct shape *model_shape(const struct model *model);
/* E of a GLoRI head (engine/model/glori.h); 0 of others. */
uint32_t model_glori_width(const struct model *model, size_t head);
size_t model_weight_bytes(const struct model *model);     /* on the device */
size_t model_activation_bytes(const struct model *model); /* on the device */
uint32_t model_max_batch(const struct model *model);
uint32_t model_in_flight_max(const struct model *model); /* batches submitted at once */

/* Hands 1..max_batch images to the device, behind those in flight, of which there are fewer than
 * model_in_flight_max. Each batch has inputs and outputs of its own, so that the host writes and reads while
 * the device computes; activations are shared, as passes run one after the other on one queue. DEVICE_LOST
 * when the device is gone; then nothing was added. */
WARN_UNUSED enum status model_submit(struct model *model, const struct model_image *images, uint32_t count,
                                     struct failure *failure);
/* Waits for the oldest batch in flight, which afterwards no longer is, but for TIMEOUT: not done in time. */
WARN_UNUSED enum status model_wait(struct model *model, uint64_t timeout_ns, struct failure *failure);

/* Grows while the device works on the oldest batch in flight, unless one submission takes it all. */
uint64_t model_progress(const struct model *model);
/* Measures what the dispatches of one image take, then records a pass for every batch size; before anything
 * is submitted. What runs is the network without all blocks but the first, as the others take the same time.
 */
WARN_UNUSED enum status model_prepare(struct model *model, const struct model_image *image,
                                      struct failure *failure);
/* Submits and waits, with nothing in flight before. A model's first run prepares it. */
WARN_UNUSED enum status model_run(struct model *model, const struct model_image *images, uint32_t count,
                                  struct failure *failure);

/* Runs the whole network on a corner of one image (shape_corner), through every weight in little time, with
 * nothing in flight before. Maps are then of the corner's patches. The model was prepared. */
WARN_UNUSED enum status model_run_corner(struct model *model, const struct model_image *image,
                                         struct failure *failure);

/* Answers of the batch waited for last, or of what model_prepare or model_run_corner ran, valid until the
 * next submission: logits [head_outputs]; attention [labels][patches], NULL for a linear head. */
const float *model_logits(const struct model *model, size_t head, uint32_t image);
const float *model_attention(const struct model *model, size_t head, uint32_t image);

/* The backbone's embedding of an image of the batch waited for last, valid until the next submission: the
 * class token and the mean of the patch tokens, both [width] and of the last block after the final LayerNorm
 * (DINOv2's x_norm_clstoken, and the mean of x_norm_patchtokens). The mean is summed in float32. */
void model_embedding(const struct model *model, uint32_t image, float *class_token, float *mean);
/* Reads the patch tokens themselves off the device, for each image i of the batch waited for last with
 * wanted[i]: out[i] are [patches][width] at the activations' precision, whose data the caller frees. Nothing
 * may have been submitted since, as the next pass overwrites them. Fails with DEVICE, DEVICE_LOST,
 * OUT_OF_MEMORY, and then leaves *out. */
WARN_UNUSED enum status model_patches(struct model *model, const bool *wanted, struct failure *failure,
                                      struct rows *out);

/* Milliseconds of each operation of the batch waited for last by a timed model, in order. */
WARN_UNUSED enum status model_timings(struct model *model, struct failure *failure,
                                      const struct gpu_timing **out, size_t *count);

/* Runs `count` images once with taps, with nothing in flight before; taps->pool is the caller's. */
WARN_UNUSED enum status model_trace(struct model *model, const struct model_image *images, uint32_t count,
                                    struct taps *taps, struct failure *failure);

#endif
