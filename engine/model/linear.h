/* The linear head: logits = W x + b, x being the class tokens of the last n blocks (n may be 0) and, with
 * average pooling, the mean patch token of the last block.
 *
 * One of two views has x = [frontal, lateral] and W = [V, U], so that its logits are (V frontal + b) + U
 * lateral. Each image is computed as both, rows V and then U: it needs no company in its batch, and who knows
 * the pairs adds two halves (engine/study.h).
 */
#ifndef CXRD_ENGINE_MODEL_LINEAR_H
#define CXRD_ENGINE_MODEL_LINEAR_H

#include "engine/model/head.h"

struct linear {
    uint32_t blocks, outputs; /* C, or 2 C of two views */
    bool average_pool;
    uint64_t weights, bias; /* float32 [outputs][n*D (+ D)], [outputs] */
};

void linear_load(struct loader *loader, const struct shape *shape, const struct head_card *card,
                 struct linear *linear);

/* Records the head for `batch` images. */
void linear_record(const struct linear *linear, const struct kernels *kernels, const struct head_input *input,
                   const struct head_output *output, uint32_t batch, struct gpu_recorder *recorder);

#endif
