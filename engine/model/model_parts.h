/* Inside model/: what a model is made of, shared by its making (model.c) and its running (model_run.c). */
#ifndef CXRD_ENGINE_MODEL_MODEL_PARTS_H
#define CXRD_ENGINE_MODEL_MODEL_PARTS_H

#include "engine/model/glori.h"
#include "engine/model/linear.h"
#include "engine/model/model.h"
#include "engine/model/vit.h"

/* A head with its working memory and its answers. */
struct model_head {
    enum head_type type;
    struct glori glori;
    struct glori_state glori_state;
    struct linear linear;
    uint32_t outputs; /* head_outputs; of a GLoRI head its labels */
};

/* What a batch in flight has for itself. */
struct model_slot {
    struct gpu_slice pixels, normalisation; /* the host writes them before a pass */
    struct head_output *outputs;            /* [head_count]; the host reads them after it, */
    struct gpu_slice classes, mean;         /* and these: as in struct head_input */
    struct gpu_recorder **passes;           /* [max_batch]: the pass of i + 1 images */
    uint32_t count;                         /* images of the last submission */
};

struct model {
    struct gpu_device *device;
    const struct kernels *kernels;
    struct model_options options;
    struct gpu_pool *weights, *activations, *inputs, *outputs;
    struct profile profile;
    struct vit vit;
    struct vit_state state; /* its inputs are the slots' */
    struct gpu_slice
        pixels; /* where a pass copies its own to before it reads them; empty: it reads them in place */
    struct gpu_slice mean; /* float32 [D/16][B][16]: of the last block's patch tokens */
    struct model_head *heads;
    size_t head_count;
    struct model_slot slots[MODEL_IN_FLIGHT_MAX]; /* used in turn */
    bool recorded;                                /* every pass */
    uint32_t single_cut;                          /* of the pass of one image */
    uint64_t submitted, landed;                   /* batches so far */
};

/* Records the whole pass of `batch` images of a shape, the model's or its corner: backbone, then every head
 * on its features; taps may be NULL. It is cut into submissions of `cut` dispatches (0: it is one). Its first
 * barrier also waits for the pass before it, whose activations it overwrites. */
WARN_UNUSED enum status model_record(struct model *model, const struct model_slot *slot,
                                     const struct shape *shape, uint32_t batch, uint32_t cut,
                                     struct taps *taps, struct failure *failure, struct gpu_recorder **out);
/* Records every batch size in every slot, cut by what the dispatches of one image took (pace.h). */
WARN_UNUSED enum status model_record_all(struct model *model, const double *ms, size_t count,
                                         struct failure *failure);

#endif
