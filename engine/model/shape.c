#include "engine/model/shape.h"

#include "engine/base/memory.h"
#include "shaders/params/params.h"

static void set_grid(struct shape *shape, uint32_t rows, uint32_t columns)
{
    shape->rows = rows;
    shape->columns = columns;
    shape->patches = rows * columns;
    shape->tokens = shape->prefix + shape->patches;
    shape->tokens_padded = (uint32_t)round_up(shape->tokens, 16);
}

struct shape shape_of(const struct model_card *card)
{
    const struct backbone_card *b = &card->backbone;
    struct shape shape = {
        .width = b->width,
        .depth = b->depth,
        .heads = b->heads,
        .patch = b->patch_size,
        .prefix = 1 + b->registers,
        .pixels = (uint32_t)round_up(3 * b->patch_size * b->patch_size, K_STEP),
        .ffn = b->ffn,
        .epsilon = (float)b->layer_norm_epsilon,
        .hidden = b->ffn_hidden,
        .hidden_padded = (uint32_t)round_up(b->ffn_hidden, K_STEP),
        .feature_blocks = 1, /* for embeddings */
    };
    set_grid(&shape, backbone_rows(b), backbone_columns(b));
    for (size_t i = 0; i < card->head_count; i++)
        if (card->heads[i].blocks > shape.feature_blocks)
            shape.feature_blocks = card->heads[i].blocks;
    return shape;
}

struct shape shape_corner(const struct shape *shape)
{
    struct shape corner = *shape;
    set_grid(&corner, shape->rows < SHAPE_CORNER_GRID ? shape->rows : SHAPE_CORNER_GRID,
             shape->columns < SHAPE_CORNER_GRID ? shape->columns : SHAPE_CORNER_GRID);
    return corner;
}

struct trial_shape shape_for_trial(const struct shape *shape, uint32_t batch)
{
    bool gated = shape->ffn == FFN_SWIGLU;
    return (struct trial_shape){.width = shape->width,
                                .heads = shape->heads,
                                .ffn_columns = (gated ? 2 : 1) * shape->hidden_padded,
                                .gated = gated,
                                .tokens = shape->tokens,
                                .batch = batch,
                                .patches = shape->patches,
                                .pixels = shape->pixels};
}
