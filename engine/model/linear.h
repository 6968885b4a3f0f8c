/* The linear head: logits = W x + b, x being the class tokens of the last n blocks and, with average pooling,
 * the mean patch token of the last block.
 */
#ifndef CXRD_ENGINE_MODEL_LINEAR_H
#define CXRD_ENGINE_MODEL_LINEAR_H

#include "engine/model/head.h"

struct linear {
    uint32_t blocks, classes;
    bool average_pool;
    uint64_t weights, bias; /* float32 [C][n*D (+ D)], [C] */
};

void linear_load(struct loader *loader, const struct shape *shape, const struct head_card *card,
                 struct linear *linear);

/* Records the head for `batch` images. */
void linear_record(const struct linear *linear, const struct kernels *kernels, const struct head_input *input,
                   const struct head_output *output, uint32_t batch, struct gpu_recorder *recorder);

#endif
