#include "engine/model/position.h"
#include "engine/model/vit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float *read_optional(struct loader *loader, size_t rows, const char *block, const char *name)
{
    return loader_has(loader, "%s.%s", block, name) ? loader_read(loader, rows, 0, "%s.%s", block, name)
                                                    : NULL;
}

/* A linear layer whose rows are multiplied by `gain`, which may be NULL. */
static struct dense load_linear(struct loader *loader, const struct gemm_weights *weights, const char *block,
                                const char *name)
{
    char bias_name[64];
    snprintf(bias_name, sizeof bias_name, "%s.bias", name);
    float *bias = read_optional(loader, weights->n, block, bias_name);
    struct dense dense = loader_dense_tensor(loader, weights, bias, "%s.%s.weight", block, name);
    free(bias);
    return dense;
}

/* One whose output is multiplied by LayerScale's gamma, where the model has it: gamma (W y + b). */
static struct dense load_scaled(struct loader *loader, size_t n, size_t k, const char *block,
                                const char *name, const char *gamma_name)
{
    float *gamma = read_optional(loader, n, block, gamma_name);
    struct dense dense =
        load_linear(loader, &(struct gemm_weights){.n = n, .k = k, .gain = gamma}, block, name);
    free(gamma);
    return dense;
}

/* softmax(q k^T / 8) = softmax2(q' k^T) with q' = q / 8 * log2(e): folded into the first D rows. */
static struct dense load_qkv(struct loader *loader, size_t width, const char *block)
{
    float *gain = memory_allocate(3 * width, sizeof *gain);
    for (size_t row = 0; row < 3 * width; row++)
        gain[row] = row < width ? (float)(0.125 * 1.4426950408889634074) : 1;
    struct dense dense = load_linear(loader, &(struct gemm_weights){.n = 3 * width, .k = width, .gain = gain},
                                     block, "attn.qkv");
    free(gain);
    return dense;
}

static void load_block(struct loader *loader, const struct shape *shape, uint32_t index,
                       struct vit_block *block)
{
    char name[32];
    snprintf(name, sizeof name, "blocks.%u", index);
    block->norm1 = loader_norm(loader, shape->width, "%s.norm1", name);
    block->qkv = load_qkv(loader, shape->width, name);
    block->projection = load_scaled(loader, shape->width, shape->width, name, "attn.proj", "ls1.gamma");
    block->norm2 = loader_norm(loader, shape->width, "%s.norm2", name);
    if (shape->ffn == FFN_SWIGLU) {
        block->ffn_in =
            load_linear(/* the columns of gate and up side by side */
                        loader,
                        &(struct gemm_weights){.n = 2 * shape->hidden, .k = shape->width, .paired = true},
                        name, "mlp.w12");
        block->ffn_out = load_scaled(loader, shape->width, shape->hidden, name, "mlp.w3", "ls2.gamma");
    } else {
        block->ffn_in = load_linear(loader, &(struct gemm_weights){.n = shape->hidden, .k = shape->width},
                                    name, "mlp.fc1");
        block->ffn_out = load_scaled(loader, shape->width, shape->hidden, name, "mlp.fc2", "ls2.gamma");
    }
}

/* Class token plus its position, then the registers, which get none. */
static void load_prefix(struct loader *loader, const float *positions, struct vit *vit)
{
    size_t width = vit->shape.width, registers = vit->shape.prefix - 1;
    float *prefix = memory_allocate((1 + registers) * width, sizeof *prefix);
    float *token = loader_read(loader, width, 0, "cls_token");
    float *register_tokens = registers ? loader_read(loader, registers, width, "register_tokens") : NULL;
    for (size_t i = 0; token && positions && i < width; i++)
        prefix[i] = token[i] + positions[i];
    if (register_tokens)
        memcpy(prefix + width, register_tokens, registers * width * sizeof *prefix);
    vit->prefix = loader_floats(loader, prefix, (1 + registers) * width);
    free(register_tokens);
    free(token);
    free(prefix);
}

/* The patches' positions on the input's grid, in panels: the addend of the patch embedding. */
static void load_positions(struct loader *loader, const float *positions,
                           const struct backbone_card *backbone, struct vit *vit)
{
    size_t width = vit->shape.width, patches = vit->shape.patches;
    float *resized = memory_allocate(patches * width, sizeof *resized);
    float *panels = memory_allocate(patches * width, sizeof *panels);
    if (positions)
        position_resize(positions + width, backbone->position_grid, vit->shape.width,
                        &(struct position_target){.rows = vit->shape.rows,
                                                  .columns = vit->shape.columns,
                                                  .offset = backbone->interpolate_offset,
                                                  .antialias = backbone->interpolate_antialias},
                        resized);
    for (size_t row = 0; row < patches; row++)
        for (size_t column = 0; column < width; column++)
            panels[(column / PANEL * patches + row) * PANEL + column % PANEL] = resized[row * width + column];
    vit->position_rows = vit->shape.patches;
    vit->position = loader_floats(loader, panels, patches * width);
    free(panels);
    free(resized);
}

void vit_load(struct loader *loader, const struct model_card *card, struct vit *vit)
{
    *vit = (struct vit){.shape = shape_of(card)};
    const struct shape *shape = &vit->shape;
    size_t cells = (size_t)card->backbone.position_grid * card->backbone.position_grid;
    float *positions = loader_read(loader, 1 + cells, shape->width, "pos_embed");
    load_prefix(loader, positions, vit);
    load_positions(loader, positions, &card->backbone, vit);
    free(positions);

    size_t pixels = 3 * (size_t)shape->patch * shape->patch;
    float *bias = loader_read(loader, shape->width, 0, "patch_embed.proj.bias");
    vit->patch_embed = loader_dense_tensor(loader, &(struct gemm_weights){.n = shape->width, .k = pixels},
                                           bias, "patch_embed.proj.weight");
    free(bias);

    vit->blocks = memory_allocate(shape->depth, sizeof *vit->blocks);
    for (uint32_t i = 0; i < shape->depth; i++)
        load_block(loader, shape, i, &vit->blocks[i]);
    vit->norm = loader_norm(loader, shape->width, "norm");
}

void vit_finish(struct vit *vit)
{
    free(vit->blocks);
    vit->blocks = NULL;
}
