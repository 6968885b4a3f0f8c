/* The backbone: a DINOv2-style vision transformer, from pixels to the normed features of its last blocks.
 *
 * "An Image is Worth 16x16 Words" (arXiv 2010.11929), registers from arXiv 2309.16588, LayerScale from arXiv
 * 2103.17239, SwiGLU from arXiv 2002.05202.
 */
#ifndef CXRD_ENGINE_MODEL_VIT_H
#define CXRD_ENGINE_MODEL_VIT_H

#include "engine/model/loader.h"
#include "engine/model/shape.h"
#include "engine/model/tap.h"

struct vit_block {
    struct norm norm1, norm2;
    struct dense qkv;        /* 1/8 * log2(e) folded into the rows of Q */
    struct dense projection; /* LayerScale 1 folded in */
    struct dense ffn_in;     /* SwiGLU: gate and up rows interleaved; GELU: fc1 */
    struct dense ffn_out;    /* LayerScale 2 folded in */
};

struct vit {
    struct shape shape;
    struct dense patch_embed;
    uint64_t position;      /* float32 panels [width/16][patches][16], resized to the input's grid */
    uint32_t position_rows; /* patches of the whole image, whatever part of it is recorded */
    uint64_t prefix;        /* float32 [prefix][width]: class token with its position, registers */
    struct norm norm;
    struct vit_block *blocks; /* [depth] */
};

/* Activations on the device, for up to the batch they were planned for. B images, T tokens, N patches. */
struct vit_state {
    struct gpu_slice pixels;        /* bytes RGB [B][height][width][3] at image_stride */
    struct gpu_slice normalisation; /* float32 [B][6] */
    struct gpu_slice columns;       /* activations [pixels/16][B*N][16]: patches as rows */
    struct gpu_slice x;             /* float32 [D/16][B*T][16]: the residual stream */
    struct gpu_slice y;             /* activations [D/16][B*T][16] */
    struct gpu_slice qkv;           /* activations [3][B][heads][T padded][64] */
    struct gpu_slice scratch;       /* what the attention works in, if anything */
    struct gpu_slice hidden;        /* activations [H/16][B*T][16] */
    struct gpu_slice classes;       /* float32 [B][feature_blocks * D] */
    struct gpu_slice memory;        /* activations [feature_blocks * D/16][B*N][16] */
    uint32_t image_stride;          /* bytes from one image to the next in pixels */
};

/* Reads the backbone's tensors; loader->status says whether all went well. Only vit->blocks is owned. */
void vit_load(struct loader *loader, const struct model_card *card, struct vit *vit);
void vit_finish(struct vit *vit);

/* Records the forward pass of `batch` images, of vit->shape or its corner. The blocks from the second on are
 * marked as repeating the first. Taps: "tokens", "block.NN.norm1", ".attention", ".norm2",
 * "block.NN", "class", "patches". */
void vit_record(const struct vit *vit, const struct kernels *kernels, const struct vit_state *state,
                uint32_t batch, struct gpu_recorder *recorder, struct taps *taps);

#endif
