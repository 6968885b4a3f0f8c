#include "engine/model/position.h"
#include "engine/model/vit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Multiplies row i of [rows][columns] by gain[i], or by `constant` where gain is NULL. */
static void scale_rows(float *matrix, size_t rows, size_t columns, const float *gain, float constant)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            matrix[i * columns + j] *= gain ? gain[i] : constant;
}

static float *read_optional(struct loader *loader, size_t rows, const char *block, const char *name)
{
    return loader_has(loader, "%s.%s", block, name) ? loader_read(loader, rows, 0, "%s.%s", block, name)
                                                    : NULL;
}

/* A linear layer whose output is multiplied by LayerScale's gamma, where the model has one: gamma (W y + b).
 */
static struct dense load_scaled(struct loader *loader, size_t n, size_t k, const char *block,
                                const char *name, const char *gamma_name)
{
    char bias_name[64];
    snprintf(bias_name, sizeof bias_name, "%s.bias", name);
    float *weights = loader_read(loader, n, k, "%s.%s.weight", block, name);
    float *bias = read_optional(loader, n, block, bias_name);
    float *gamma = gamma_name ? read_optional(loader, n, block, gamma_name) : NULL;
    if (gamma && weights)
        scale_rows(weights, n, k, gamma, 1);
    if (gamma && bias)
        scale_rows(bias, n, 1, gamma, 1);
    struct dense dense = loader_dense(loader, weights, bias, n, k);
    free(gamma);
    free(bias);
    free(weights);
    return dense;
}

/* softmax(q k^T / 8) = softmax2(q' k^T) with q' = q / 8 * log2(e): folded into the first D rows. */
static struct dense load_qkv(struct loader *loader, size_t width, const char *block)
{
    const float scale = (float)(0.125 * 1.4426950408889634074);
    float *weights = loader_read(loader, 3 * width, width, "%s.attn.qkv.weight", block);
    float *bias = read_optional(loader, 3 * width, block, "attn.qkv.bias");
    if (weights)
        scale_rows(weights, width, width, NULL, scale);
    if (bias)
        scale_rows(bias, width, 1, NULL, scale);
    struct dense dense = loader_dense(loader, weights, bias, 3 * width, width);
    free(bias);
    free(weights);
    return dense;
}

/* Row 2i takes row i (gate), row 2i + 1 row hidden + i (up); the padded hidden channels stay zero. */
static float *interleave(const float *matrix, size_t hidden, size_t hidden_padded, size_t columns)
{
    float *out = memory_allocate(2 * hidden_padded * columns, sizeof *out);
    for (size_t i = 0; i < hidden; i++) {
        memcpy(out + 2 * i * columns, matrix + i * columns, columns * sizeof *out);
        memcpy(out + (2 * i + 1) * columns, matrix + (hidden + i) * columns, columns * sizeof *out);
    }
    return out;
}

static struct dense load_swiglu(struct loader *loader, const struct shape *shape, const char *block)
{
    size_t rows = 2 * shape->hidden, padded = 2 * shape->hidden_padded;
    float *weights = loader_read(loader, rows, shape->width, "%s.mlp.w12.weight", block);
    float *bias = read_optional(loader, rows, block, "mlp.w12.bias");
    float *pairs = weights ? interleave(weights, shape->hidden, shape->hidden_padded, shape->width) : NULL;
    float *bias_pairs = bias ? interleave(bias, shape->hidden, shape->hidden_padded, 1) : NULL;
    struct dense dense = loader_dense(loader, pairs, bias_pairs, padded, shape->width);
    free(bias_pairs);
    free(pairs);
    free(bias);
    free(weights);
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
        block->ffn_in = load_swiglu(loader, shape, name);
        block->ffn_out = load_scaled(loader, shape->width, shape->hidden, name, "mlp.w3", "ls2.gamma");
    } else {
        block->ffn_in = load_scaled(loader, shape->hidden, shape->width, name, "mlp.fc1", NULL);
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
        position_resize(positions + width, backbone->position_grid, vit->shape.width, vit->shape.grid,
                        backbone->interpolate_offset, resized);
    for (size_t row = 0; row < patches; row++)
        for (size_t column = 0; column < width; column++)
            panels[(column / PANEL * patches + row) * PANEL + column % PANEL] = resized[row * width + column];
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
    float *kernel = loader_read(loader, shape->width, pixels, "patch_embed.proj.weight");
    float *bias = loader_read(loader, shape->width, 0, "patch_embed.proj.bias");
    vit->patch_embed = loader_dense(loader, kernel, bias, shape->width, pixels);
    free(bias);
    free(kernel);

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
