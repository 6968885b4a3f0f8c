#include "engine/checkpoint/selection.h"

#include "engine/base/memory.h"
#include "engine/checkpoint/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status selection_check(const char *name, const struct value *value, struct failure *failure)
{
    char found[128];
    if (value->kind == VALUE_INERT || value->kind == VALUE_MODULE || value->kind == VALUE_GLOBAL)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "'%s' is %s, which this program neither knows nor runs, where a tensor is needed.",
                           name, value_describe(value, found, sizeof found));
    if (value->kind != VALUE_TENSOR || !tensor_type_is_float(value->tensor->type))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "'%s' is %s, where a tensor of " TENSOR_FLOATS " is needed.", name,
                           value_describe(value, found, sizeof found));
    return STATUS_OK;
}

static struct selected *add(struct selection *selection, const char *name)
{
    if (selection->count == selection->capacity) {
        selection->capacity = selection->capacity ? 2 * selection->capacity : 64;
        selection->items = memory_resize(selection->items, selection->capacity, sizeof *selection->items);
    }
    struct selected *item = &selection->items[selection->count++];
    *item = (struct selected){.name = memory_copy_text(name)};
    return item;
}

enum status selection_add(struct selection *selection, const char *name, const struct value *value,
                          struct failure *failure)
{
    enum status status = selection_check(name, value, failure);
    if (status)
        return status;
    if (selection_find(selection, name))
        return failure_set(failure, STATUS_INVALID_FILE, "Two tensors of the file are both '%s'.", name);
    if (selection->count == SELECTION_ITEMS_MAX)
        return failure_set(failure, STATUS_INVALID_FILE, "The network has over %d tensors.",
                           SELECTION_ITEMS_MAX);
    add(selection, name)->source = value->tensor;
    return STATUS_OK;
}

void selection_add_zeros(struct selection *selection, const char *name, size_t rank, const size_t *shape)
{
    static const struct stored_tensor zeros = {.type = TENSOR_F32};
    struct selected *item = add(selection, name);
    item->source = &zeros;
    item->piece_count = 1;
    item->pieces[0].elements = 1;
    for (size_t i = 0; i < rank; i++)
        item->pieces[0].elements *= shape[i];
    selection_compose(selection, item, rank, shape);
}

void selection_finish(struct selection *selection)
{
    for (size_t i = 0; i < selection->count; i++)
        free(selection->items[i].name);
    free(selection->items);
    arena_destroy(&selection->arena);
    *selection = (struct selection){0};
}

/* Without its data. */
static struct tensor tensor_of(const struct selected *item)
{
    struct tensor tensor = {.name = item->name, .type = item->source->type, .rank = item->source->rank};
    memcpy(tensor.shape, item->source->shape, sizeof tensor.shape);
    return tensor;
}

struct tensor *selection_tensors(const struct selection *selection)
{
    struct tensor *tensors = memory_allocate(selection->count, sizeof *tensors);
    for (size_t i = 0; i < selection->count; i++)
        tensors[i] = tensor_of(&selection->items[i]);
    return tensors;
}

struct selected *selection_item(const struct selection *selection, const char *name)
{
    for (size_t i = 0; i < selection->count; i++)
        if (!strcmp(selection->items[i].name, name))
            return &selection->items[i];
    return NULL;
}

const struct stored_tensor *selection_find(const struct selection *selection, const char *name)
{
    const struct selected *item = selection_item(selection, name);
    return item ? item->source : NULL;
}

void selection_compose(struct selection *selection, struct selected *item, size_t rank, const size_t *shape)
{
    if (!selection->arena)
        selection->arena = arena_create();
    struct stored_tensor *whole = arena_allocate(selection->arena, 1, sizeof *whole);
    whole->type = item->source->type;
    whole->rank = rank;
    memcpy(whole->shape, shape, rank * sizeof *shape);
    for (size_t i = 0; i < item->piece_count; i++)
        whole->elements += item->pieces[i].elements;
    item->source = whole;
}

enum status selection_require(const struct selection *selection, size_t rank, const size_t *shape,
                              struct failure *failure, const struct stored_tensor **out, const char *format,
                              ...)
{
    char name[NAME_BYTES];
    struct tensor tensor;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    const struct selected *item = selection_item(selection, name);
    if (item)
        tensor = tensor_of(item);
    enum status status = tensor_check(item ? &tensor : NULL, name, rank, shape, failure);
    if (!status && out)
        *out = item->source;
    return status;
}

static enum status read_floats(struct checkpoint *checkpoint, const struct stored_tensor *stored,
                               struct failure *failure, float *out)
{
    struct bytes data;
    enum status status = checkpoint_read(checkpoint, stored, failure, &data);
    if (status)
        return status;
    const struct tensor tensor = {.type = stored->type, .data = data.data, .size_bytes = data.size};
    tensor_to_float(&tensor, out);
    free((void *)data.data);
    return STATUS_OK;
}

/* out [rows, columns] += scale B [rows, rank] A [rank, columns] */
static void add_product(const float *up, const float *down, double scale, size_t rows, size_t rank,
                        size_t columns, float *out)
{
    double *sum = memory_allocate(columns, sizeof *sum);
    for (size_t row = 0; row < rows; row++) {
        float *values = out + row * columns;
        for (size_t i = 0; i < columns; i++)
            sum[i] = (double)values[i];
        for (size_t k = 0; k < rank; k++) {
            const double factor = scale * (double)up[row * rank + k];
            for (size_t i = 0; i < columns; i++)
                sum[i] += factor * (double)down[k * columns + i];
        }
        for (size_t i = 0; i < columns; i++)
            values[i] = (float)sum[i];
    }
    free(sum);
}

static enum status merge_adapter(const struct piece *piece, struct checkpoint *checkpoint,
                                 struct failure *failure, float *out)
{
    const size_t rank = piece->down->shape[0], rows = piece->up->shape[0];
    float *down = memory_allocate(piece->down->elements, sizeof *down);
    float *up = memory_allocate(piece->up->elements, sizeof *up);
    enum status status = read_floats(checkpoint, piece->down, failure, down);
    if (!status)
        status = read_floats(checkpoint, piece->up, failure, up);
    if (!status)
        add_product(up, down, piece->scale, rows, rank, piece->elements / rows, out);
    free(up);
    free(down);
    return status;
}

enum status selection_read(const struct selected *item, struct checkpoint *checkpoint,
                           struct failure *failure, float *out)
{
    if (!item->piece_count)
        return read_floats(checkpoint, item->source, failure, out);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < item->piece_count && !status; i++) {
        const struct piece *piece = &item->pieces[i];
        if (piece->tensor)
            status = read_floats(checkpoint, piece->tensor, failure, out);
        else
            memset(out, 0, piece->elements * sizeof *out);
        if (piece->down && !status)
            status = merge_adapter(piece, checkpoint, failure, out);
        out += piece->elements;
    }
    return status;
}
