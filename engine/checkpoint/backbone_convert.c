#include "engine/checkpoint/backbone_convert.h"

#include "engine/checkpoint/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shape that the rows of its pieces, which are as many of each, have together. */
static enum status join(struct selection *selection, struct selected *item, struct failure *failure)
{
    const struct stored_tensor *first = item->pieces[0].tensor;
    size_t shape[TENSOR_RANK_MAX] = {0};
    for (size_t i = 0; i < item->piece_count; i++) {
        const struct stored_tensor *tensor = item->pieces[i].tensor;
        if (!tensor)
            return failure_set(failure, STATUS_INVALID_FILE,
                               "Tensor '%s' is made of %zu of the file's, of which the %s is missing.",
                               item->name, item->piece_count,
                               i == 0   ? "first"
                               : i == 1 ? "second"
                                        : "third");
        if (tensor->rank == 0 || tensor->rank != first->rank ||
            memcmp(tensor->shape, first->shape, first->rank * sizeof *shape) ||
            !checked_add(shape[0], tensor->shape[0], &shape[0]))
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "Tensor '%s' is made of %zu of the file's, whose shapes do not fit one another.", item->name,
                item->piece_count);
    }
    memcpy(shape + 1, first->shape + 1, (first->rank - 1) * sizeof *shape);
    selection_compose(selection, item, first->rank, shape);
    return STATUS_OK;
}

/* timm's positions with registers have no row for the class token, which holds its own already: a row of
 * zeros. */
static enum status add_class_position(struct selection *selection, struct failure *failure)
{
    struct selected *item = selection_item(selection, "pos_embed");
    const struct stored_tensor *tensor = item ? item->source : NULL,
                               *registers = selection_find(selection, "register_tokens");
    if (!tensor || tensor->rank != 3 || tensor->shape[0] != 1 || !tensor->elements)
        return STATUS_OK; /* its shape is refused later, as any other's */
    size_t side = 1;
    const size_t rows = tensor->shape[1], width = tensor->shape[2];
    while (side * side < rows)
        side++;
    if (side * side != rows)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Tensor 'pos_embed' has %zu rows, which is not a square grid: positions of the class token "
            "or of the %zu register tokens ('reg_token') are not supported.",
            rows, registers->rank == 3 ? registers->shape[1] : 0);
    if (item->piece_count)
        return failure_set(failure, STATUS_INVALID_FILE, "A LoRA adapter of 'pos_embed' is not supported.");
    item->pieces[0] = (struct piece){.elements = width};
    item->pieces[1] = (struct piece){.tensor = tensor, .elements = tensor->elements};
    item->piece_count = 2;
    selection_compose(selection, item, 3, (size_t[]){1, rows + 1, width});
    return STATUS_OK;
}

/* timm packs SwiGLU as fc1, with the rows of two matrices, and fc2. */
static bool is_packed(const struct selection *selection)
{
    const struct stored_tensor *first = selection_find(selection, "blocks.0.mlp.fc1.weight"),
                               *second = selection_find(selection, "blocks.0.mlp.fc2.weight");
    return first && second && first->rank == 2 && second->rank == 2 && second->shape[1] &&
           first->shape[0] / 2 == second->shape[1] && first->shape[0] % 2 == 0;
}

static void unpack(struct selection *selection)
{
    for (size_t i = 0; i < selection->count; i++) {
        char *part = strstr(selection->items[i].name, ".mlp.fc");
        char renamed[NAME_BYTES];
        if (!part || (part[7] != '1' && part[7] != '2'))
            continue;
        snprintf(renamed, sizeof renamed, "%.*s.mlp.%s%s", (int)(part - selection->items[i].name),
                 selection->items[i].name, part[7] == '1' ? "w12" : "w3", part + 8);
        free(selection->items[i].name);
        selection->items[i].name = memory_copy_text(renamed);
    }
}

enum status backbone_convert(struct backbone_selection *out, struct failure *failure)
{
    struct selection *selection = &out->selection;
    const struct stored_tensor *patch = selection_find(selection, "patch_embed.proj.weight");
    enum status status = STATUS_OK;
    for (size_t i = 0; i < selection->count && !status; i++)
        if (selection->items[i].piece_count > 1)
            status = join(selection, &selection->items[i], failure);
    if (!status && out->traits & TRAIT_TIMM_REGISTERS)
        status = add_class_position(selection, failure);
    if (!status && is_packed(selection)) {
        out->traits |= TRAIT_TIMM;
        unpack(selection);
    }
    if (patch && patch->rank == 4 && patch->shape[3] == 14)
        out->traits |= TRAIT_PATCH_14;
    return status;
}
