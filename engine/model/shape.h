/* The sizes of a backbone that everything else follows from, in the terms of the papers. */
#ifndef CXRD_ENGINE_MODEL_SHAPE_H
#define CXRD_ENGINE_MODEL_SHAPE_H

#include "engine/kernels/trial.h"
#include "engine/package/card.h"

struct shape {
    uint32_t width;         /* D */
    uint32_t depth;         /* blocks */
    uint32_t heads;         /* D / 64 */
    uint32_t patch;         /* P, pixels a side */
    uint32_t rows;          /* of patches: the input is rows * P pixels high */
    uint32_t columns;       /* of patches: the input is columns * P pixels wide */
    uint32_t patches;       /* rows * columns */
    uint32_t prefix;        /* rows before the patches: class token and registers */
    uint32_t tokens;        /* prefix + patches */
    uint32_t tokens_padded; /* to a multiple of 16: rows an attention head has in memory */
    uint32_t pixels;        /* 3*P*P, padded to a multiple of 64: K of the patch embedding */
    enum ffn_kind ffn;
    uint32_t hidden;         /* H of the feed-forward */
    uint32_t hidden_padded;  /* to a multiple of 64 */
    float epsilon;           /* of LayerNorm */
    uint32_t feature_blocks; /* how many of the last blocks are kept: the most any head reads, at least 1 */
};

struct shape shape_of(const struct model_card *card);

/* Of one image's pixels, RGB. A card's sizes are far too small to overflow. */
static inline size_t shape_image_bytes(const struct shape *shape)
{
    return (size_t)shape->patches * shape->patch * shape->patch * 3;
}

/* The same network on a corner of the image, of at most SHAPE_CORNER_GRID patches a side: all the weights
 * and little work. */
enum { SHAPE_CORNER_GRID = 4 };
struct shape shape_corner(const struct shape *shape);

/* What choosing kernels for batches of `batch` images goes by. */
struct trial_shape shape_for_trial(const struct shape *shape, uint32_t batch);

#endif
