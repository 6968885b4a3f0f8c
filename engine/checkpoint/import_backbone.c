#include "engine/checkpoint/import_backbone.h"

#include "engine/checkpoint/foreign.h"
#include "engine/checkpoint/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_SIZE = 64, GRID_MAX = 1024 };

static enum status nothing_found(const struct checkpoint *checkpoint, struct failure *failure)
{
    if (value_member(checkpoint_root(checkpoint), "student"))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It holds a student's weights, and the teacher's are the ones that answer: take "
                           "teacher_checkpoint.pth.");
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "No tensor of a vision transformer is in it ('cls_token', 'blocks.0.norm1.weight', ...): "
        "is it the backbone's file?");
}

enum status import_backbone_select(const struct checkpoint *checkpoint, struct failure *failure,
                                   struct selection *out)
{
    const struct value *state;
    struct selection selection = {0};
    enum status status = checkpoint_state(checkpoint, failure, &state);
    if (!status)
        status = checkpoint_check_rest(checkpoint, failure);
    if (status)
        return status;
    for (size_t i = 0; i < state->sequence.count && !status; i += 2) {
        char name[NAME_BYTES];
        const struct value *key = state->sequence.items[i], *value = state->sequence.items[i + 1];
        if (key->kind != VALUE_TEXT)
            continue;
        enum name_kind kind = name_of_backbone(key->text.data, name);
        if (kind == NAME_KNOWN)
            status = selection_add(&selection, name, value, failure);
        else if (kind == NAME_UNKNOWN && value->kind == VALUE_TENSOR)
            status = foreign_tensor(key->text.data, true, failure);
    }
    if (!status && selection.count == 0)
        status = nothing_found(checkpoint, failure);
    if (status)
        selection_finish(&selection);
    else
        *out = selection;
    return status;
}

static uint32_t count_blocks(const struct selection *selection)
{
    uint32_t depth = 0;
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
                                  struct backbone_card *card)
{
    const struct stored_tensor *tensor = NULL;
    enum status status = selection_require(selection, 3, (size_t[]){1, 1, 0}, failure, &tensor, "cls_token");
    if (status)
        return status;
    const size_t D = tensor->shape[2];
    if (D % HEAD_SIZE)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Its width of %zu is not a multiple of 64, the size of an attention head.", D);
    status =
        selection_require(selection, 4, (size_t[]){D, 3, 0, 0}, failure, &tensor, "patch_embed.proj.weight");
    if (status)
        return status;
    if (tensor->shape[3] != tensor->shape[2])
        return failure_set(failure, STATUS_INVALID_FILE, "Its patches of %zu x %zu are not square.",
                           tensor->shape[2], tensor->shape[3]);
    card->width = (uint32_t)D;
    card->heads = (uint32_t)(D / HEAD_SIZE);
    card->patch_size = (uint32_t)tensor->shape[2];
    status = selection_require(selection, 3, (size_t[]){1, 0, D}, failure, &tensor, "pos_embed");
    if (status)
        return status;
    card->position_grid = (uint32_t)grid_of(tensor->shape[1]);
    if (!card->position_grid)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Tensor 'pos_embed' has %zu rows, which is not one and a square grid.",
                           tensor->shape[1]);
    if (!selection_find(selection, "register_tokens"))
        return STATUS_OK;
    status = selection_require(selection, 3, (size_t[]){1, 0, D}, failure, &tensor, "register_tokens");
    card->registers = status ? 0 : (uint32_t)tensor->shape[1];
    return status;
}

static enum status read_blocks(const struct selection *selection, struct failure *failure,
                               struct backbone_card *card)
{
    const struct stored_tensor *tensor = NULL;
    bool gated = selection_find(selection, "blocks.0.mlp.w12.weight") != NULL;
    enum status status = selection_require(selection, 2, (size_t[]){card->width, 0}, failure, &tensor,
                                           gated ? "blocks.0.mlp.w3.weight" : "blocks.0.mlp.fc2.weight");
    if (status)
        return status;
    card->depth = count_blocks(selection);
    card->ffn = gated ? FFN_SWIGLU : FFN_GELU;
    card->ffn_hidden = (uint32_t)tensor->shape[1];
    return STATUS_OK;
}

static enum status disagree(struct failure *failure, const char *key, int64_t said, uint32_t found)
{
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "The configuration says %s: %lld but the weights have %u: they do not belong together.", key,
        (long long)said, found);
}

static enum status check_config(const struct config *config, const struct backbone_card *card,
                                struct failure *failure)
{
    bool gated = card->ffn == FFN_SWIGLU;
    if (config->patch_size >= 0 && config->patch_size != card->patch_size)
        return disagree(failure, "patch_size", config->patch_size, card->patch_size);
    if (config->registers >= 0 && config->registers != card->registers)
        return disagree(failure, "num_register_tokens", config->registers, card->registers);
    if (*config->ffn_layer && (strncmp(config->ffn_layer, "swiglu", 6) == 0) != gated)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The configuration says ffn_layer: %s but the weights are of %s: they do not belong "
            "together.",
            config->ffn_layer, gated ? "swiglu" : "mlp");
    if (config->interpolate_antialias && card->position_grid * card->patch_size != card->image_height)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The configuration asks for interpolate_antialias, which is not supported; choose an "
            "image size of %u, at which nothing is interpolated.",
            card->position_grid * card->patch_size);
    return STATUS_OK;
}

enum status import_backbone_describe(const struct selection *selection, const struct config *config,
                                     size_t image_size, struct failure *failure, struct backbone_card *out)
{
    struct backbone_card card = {.interpolate_offset = config->interpolate_offset,
                                 .layer_norm_epsilon = LAYER_NORM_EPSILON};
    enum status status = read_embedding(selection, failure, &card);
    if (!status)
        status = read_blocks(selection, failure, &card);
    if (status)
        return status;
    card.image_height =
        (uint32_t)(image_size || config->image_size < 0 ? image_size : (size_t)config->image_size);
    if (card.image_height == 0)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The image size is not known: give --image-size, or a --config that says it.");
    if (card.image_height % card.patch_size)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "An image size of %u is not a multiple of the patch size %u.", card.image_height,
                           card.patch_size);
    card.image_width = card.image_height;
    status = check_config(config, &card, failure);
    if (!status)
        *out = card;
    return status;
}
