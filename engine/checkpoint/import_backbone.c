#include "engine/checkpoint/import_backbone.h"

#include "engine/checkpoint/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_SIZE = 64, DEPTH_MAX = 256, WIDTH_MAX = 8192, GRID_MAX = 1024, IMAGE_SIZE_MAX = 8192 };

enum status import_backbone_select(const struct checkpoint *checkpoint, struct failure *failure,
                                   struct selection *out)
{
    const struct value *state;
    struct selection selection = {0};
    enum status status = checkpoint_state(checkpoint, failure, &state);
    if (status)
        return status;
    for (size_t i = 0; i < state->sequence.count && !status; i += 2) {
        char name[NAME_BYTES];
        const struct value *key = state->sequence.items[i];
        enum name_kind kind = key->kind == VALUE_TEXT ? name_of_backbone(key->text.data, name) : NAME_IGNORED;
        if (kind == NAME_KNOWN)
            status = selection_add(&selection, name, state->sequence.items[i + 1], failure);
        else if (kind == NAME_UNKNOWN)
            status = failure_set(failure, STATUS_INVALID_FILE,
                                 "Tensor 'blocks.%.100s' is of a kind of network this program does not know.",
                                 name);
    }
    if (!status && selection.count == 0)
        status = failure_set(
            failure, STATUS_INVALID_FILE,
            "No tensor of a vision transformer is in it ('cls_token', 'blocks.0.norm1.weight', ...): "
            "is it the backbone's file?");
    if (status)
        selection_finish(&selection);
    else
        *out = selection;
    return status;
}

/* Needs an optional tensor to be in every block or in none. */
static enum status check_optional(const struct selection *selection, size_t block, const char *part,
                                  size_t rows, struct failure *failure)
{
    char first[NAME_BYTES], name[NAME_BYTES];
    snprintf(first, sizeof first, "blocks.0.%s", part);
    snprintf(name, sizeof name, "blocks.%zu.%s", block, part);
    if (!selection_find(selection, first) && selection_find(selection, name))
        return failure_set(failure, STATUS_INVALID_FILE, "Tensor '%s' is there while '%s' is not.", name,
                           first);
    if (!selection_find(selection, first))
        return STATUS_OK;
    return selection_require(selection, 1, (size_t[]){rows}, failure, NULL, "%s", name);
}

static enum status check_block(const struct selection *selection, size_t block,
                               const struct imported_backbone *shape, struct failure *failure)
{
    const size_t D = shape->width, H = shape->ffn_hidden;
    const struct {
        const char *part;
        size_t rank, rows, columns;
    } needed[] =
        {
            {"norm1.weight", 1, D, 0},
            {"norm1.bias", 1, D, 0},
            {"norm2.weight", 1, D, 0},
            {"norm2.bias", 1, D, 0},
            {"attn.qkv.weight", 2, 3 * D, D},
            {"attn.proj.weight", 2, D, D},
            {shape->swiglu ? "mlp.w12.weight" : "mlp.fc1.weight", 2, shape->swiglu ? 2 * H : H, D},
            {shape->swiglu ? "mlp.w3.weight" : "mlp.fc2.weight", 2, D, H},
        },
      optional[] = {
          {"attn.qkv.bias", 1, 3 * D, 0},
          {"attn.proj.bias", 1, D, 0},
          {"ls1.gamma", 1, D, 0},
          {"ls2.gamma", 1, D, 0},
          {shape->swiglu ? "mlp.w12.bias" : "mlp.fc1.bias", 1, shape->swiglu ? 2 * H : H, 0},
          {shape->swiglu ? "mlp.w3.bias" : "mlp.fc2.bias", 1, D, 0},
      };
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof needed / sizeof *needed && !status; i++)
        status = selection_require(selection, needed[i].rank, (size_t[]){needed[i].rows, needed[i].columns},
                                   failure, NULL, "blocks.%zu.%s", block, needed[i].part);
    for (size_t i = 0; i < sizeof optional / sizeof *optional && !status; i++)
        status = check_optional(selection, block, optional[i].part, optional[i].rows, failure);
    return status;
}

static size_t count_blocks(const struct selection *selection)
{
    size_t depth = 0;
    for (size_t i = 0; i < selection->count; i++) {
        unsigned block;
        if (sscanf(selection->items[i].name, "blocks.%u.", &block) == 1 && block >= depth)
            depth = block + 1;
    }
    return depth;
}

/* The M of pos_embed [1, 1 + M*M, D]; 0 when there is none. */
static size_t grid_of(size_t rows)
{
    for (size_t grid = 1; grid <= GRID_MAX; grid++) {
        if (1 + grid * grid == rows)
            return grid;
    }
    return 0;
}

static enum status read_embedding(const struct selection *selection, struct failure *failure,
                                  struct imported_backbone *shape)
{
    const struct stored_tensor *tensor = NULL;
    enum status status = selection_require(selection, 3, (size_t[]){1, 1, 0}, failure, &tensor, "cls_token");
    if (status)
        return status;
    const size_t D = shape->width = tensor->shape[2];
    if (D % HEAD_SIZE || D > WIDTH_MAX)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Its width of %zu is not a multiple of 64 up to %d, the size of an attention head.", D,
            WIDTH_MAX);
    shape->heads = D / HEAD_SIZE;
    status =
        selection_require(selection, 4, (size_t[]){D, 3, 0, 0}, failure, &tensor, "patch_embed.proj.weight");
    if (status)
        return status;
    shape->patch_size = tensor->shape[2];
    if (tensor->shape[3] != shape->patch_size)
        return failure_set(failure, STATUS_INVALID_FILE, "Its patches of %zu x %zu are not square.",
                           tensor->shape[2], tensor->shape[3]);
    status = selection_require(selection, 3, (size_t[]){1, 0, D}, failure, &tensor, "pos_embed");
    if (status)
        return status;
    shape->position_grid = grid_of(tensor->shape[1]);
    if (!shape->position_grid)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Tensor 'pos_embed' has %zu rows, which is not one and a square grid.",
                           tensor->shape[1]);
    const struct stored_tensor *registers = selection_find(selection, "register_tokens");
    if (registers) {
        status = selection_require(selection, 3, (size_t[]){1, 0, D}, failure, &registers, "register_tokens");
        shape->registers = status ? 0 : registers->shape[1];
    }
    if (!status)
        status = selection_require(selection, 1, (size_t[]){D}, failure, NULL, "patch_embed.proj.bias");
    if (!status)
        status = selection_require(selection, 1, (size_t[]){D}, failure, NULL, "norm.weight");
    if (!status)
        status = selection_require(selection, 1, (size_t[]){D}, failure, NULL, "norm.bias");
    return status;
}

static enum status read_blocks(const struct selection *selection, struct failure *failure,
                               struct imported_backbone *shape)
{
    const struct stored_tensor *tensor = NULL;
    shape->depth = count_blocks(selection);
    if (shape->depth == 0 || shape->depth > DEPTH_MAX)
        return failure_set(failure, STATUS_INVALID_FILE, "It has %zu blocks, not 1 to %d.", shape->depth,
                           DEPTH_MAX);
    shape->swiglu = selection_find(selection, "blocks.0.mlp.w12.weight") != NULL;
    enum status status =
        selection_require(selection, 2, (size_t[]){shape->width, 0}, failure, &tensor,
                          shape->swiglu ? "blocks.0.mlp.w3.weight" : "blocks.0.mlp.fc2.weight");
    if (status)
        return status;
    shape->ffn_hidden = tensor->shape[1];
    for (size_t i = 0; i < shape->depth && !status; i++)
        status = check_block(selection, i, shape, failure);
    return status;
}

static enum status disagree(struct failure *failure, const char *key, size_t said, size_t found)
{
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "The configuration says %s: %zu but the weights have %zu: they do not belong together.", key, said,
        found);
}

static enum status check_config(const struct config *config, const struct imported_backbone *shape,
                                struct failure *failure)
{
    if (config->patch_size >= 0 && (size_t)config->patch_size != shape->patch_size)
        return disagree(failure, "patch_size", (size_t)config->patch_size, shape->patch_size);
    if (config->registers >= 0 && (size_t)config->registers != shape->registers)
        return disagree(failure, "num_register_tokens", (size_t)config->registers, shape->registers);
    if (*config->ffn_layer && (strncmp(config->ffn_layer, "swiglu", 6) == 0) != shape->swiglu)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The configuration says ffn_layer: %s but the weights are of %s: they do not belong "
            "together.",
            config->ffn_layer, shape->swiglu ? "swiglu" : "mlp");
    if (config->interpolate_antialias && shape->position_grid * shape->patch_size != shape->image_size)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The configuration asks for interpolate_antialias, which is not supported; choose an "
            "image size of %zu, at which nothing is interpolated.",
            shape->position_grid * shape->patch_size);
    return STATUS_OK;
}

enum status import_backbone_describe(const struct selection *selection, const struct config *config,
                                     size_t image_size, struct failure *failure,
                                     struct imported_backbone *out)
{
    struct imported_backbone shape = {.interpolate_offset = config->interpolate_offset};
    enum status status = read_embedding(selection, failure, &shape);
    if (!status)
        status = read_blocks(selection, failure, &shape);
    if (status)
        return status;
    shape.image_size = image_size || config->image_size < 0 ? image_size : (size_t)config->image_size;
    if (shape.image_size == 0)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The image size is not known: give --image-size, or a --config that says it.");
    if (shape.image_size % shape.patch_size || shape.image_size > IMAGE_SIZE_MAX)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "An image size of %zu is not a multiple of the patch size %zu up to %d.",
                           shape.image_size, shape.patch_size, IMAGE_SIZE_MAX);
    status = check_config(config, &shape, failure);
    if (!status)
        *out = shape;
    return status;
}
