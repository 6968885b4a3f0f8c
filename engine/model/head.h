/* What every head has in common: where it reads its features and where it leaves its answers.
 *
 * B images, N patches, n blocks, D the backbone's width, C classes.
 */
#ifndef CXRD_ENGINE_MODEL_HEAD_H
#define CXRD_ENGINE_MODEL_HEAD_H

#include "engine/model/loader.h"
#include "engine/model/shape.h"
#include "engine/model/tap.h"

/* The backbone's features, all feature_blocks of them; a head reads the last ones. */
struct head_input {
    const struct shape *shape;
    struct gpu_slice classes; /* float32 [B][feature_blocks * D] */
    struct gpu_slice memory;  /* activations [B*N][feature_blocks * D] */
    struct gpu_slice mean;    /* float32 [D/16][B][16]: of the last block's patch tokens */
};

/* A head's answers, for the host. */
struct head_output {
    struct gpu_slice logits;    /* float32 [B][C]; of a head of two views [B][2 C] */
    struct gpu_slice attention; /* float32 [B][C][N]: mean over the attention heads; linear heads: unused */
};

/* Address of the class token features of the last `blocks` blocks of image 0. */
static inline uint64_t head_classes(const struct head_input *input, uint32_t blocks)
{
    return input->classes.address +
           (input->shape->feature_blocks - blocks) * input->shape->width * sizeof(float);
}

/* Address of the patch features of the last `blocks` blocks, the last blocks * D columns of the memory. */
static inline uint64_t head_memory(const struct head_input *input, uint32_t blocks, uint32_t batch,
                                   const struct kernels *kernels)
{
    const struct shape *shape = input->shape;
    return input->memory.address + kernels_column_bytes(kernels, batch * shape->patches,
                                                        shape->feature_blocks * shape->width,
                                                        (shape->feature_blocks - blocks) * shape->width);
}

#endif
