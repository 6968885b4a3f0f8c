#include "engine/checkpoint/selection.h"

#include "engine/base/memory.h"
#include "engine/checkpoint/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status selection_add(struct selection *selection, const char *name, const struct value *value,
                          struct failure *failure)
{
    char found[128];
    if (value->kind == VALUE_INERT || value->kind == VALUE_GLOBAL)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "'%s' is %s, which this program neither knows nor runs, where a tensor is needed.",
                           name, value_describe(value, found, sizeof found));
    if (value->kind != VALUE_TENSOR || !tensor_type_is_float(value->tensor->type))
        return failure_set(failure, STATUS_INVALID_FILE, "'%s' is %s%s, where a tensor of floats is needed.",
                           name, value_describe(value, found, sizeof found),
                           value->kind == VALUE_TENSOR ? " of whole numbers" : "");
    if (selection_find(selection, name))
        return failure_set(failure, STATUS_INVALID_FILE, "Two tensors of the file are both '%s'.", name);
    if (selection->count == selection->capacity) {
        selection->capacity = selection->capacity ? 2 * selection->capacity : 64;
        selection->items = memory_resize(selection->items, selection->capacity, sizeof *selection->items);
    }
    selection->items[selection->count++] = (struct selected){memory_copy_text(name), value->tensor};
    return STATUS_OK;
}

void selection_finish(struct selection *selection)
{
    for (size_t i = 0; i < selection->count; i++)
        free(selection->items[i].name);
    free(selection->items);
    *selection = (struct selection){0};
}

struct tensor *selection_tensors(const struct selection *selection)
{
    struct tensor *tensors = memory_allocate(selection->count, sizeof *tensors);
    for (size_t i = 0; i < selection->count; i++) {
        const struct selected *item = &selection->items[i];
        tensors[i] =
            (struct tensor){.name = item->name, .type = item->source->type, .rank = item->source->rank};
        memcpy(tensors[i].shape, item->source->shape, sizeof tensors[i].shape);
    }
    return tensors;
}

const struct stored_tensor *selection_find(const struct selection *selection, const char *name)
{
    for (size_t i = 0; i < selection->count; i++) {
        if (!strcmp(selection->items[i].name, name))
            return selection->items[i].source;
    }
    return NULL;
}

static enum status check_shape(const struct stored_tensor *tensor, const char *name, size_t rank,
                               const size_t *shape, struct failure *failure)
{
    bool fits = tensor->rank == rank;
    for (size_t i = 0; fits && i < rank; i++)
        fits = shape[i] ? tensor->shape[i] == shape[i] : tensor->shape[i] > 0;
    if (fits)
        return STATUS_OK;
    char wanted[TENSOR_SHAPE_TEXT_BYTES], found[TENSOR_SHAPE_TEXT_BYTES];
    return failure_set(failure, STATUS_INVALID_FILE, "Tensor '%s' has shape %s where %s is needed.", name,
                       tensor_shape_text(tensor->rank, tensor->shape, found),
                       tensor_pattern_text(rank, shape, wanted));
}

enum status selection_require(const struct selection *selection, size_t rank, const size_t *shape,
                              struct failure *failure, const struct stored_tensor **out, const char *format,
                              ...)
{
    char name[NAME_BYTES], wanted[TENSOR_SHAPE_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    const struct stored_tensor *tensor = selection_find(selection, name);
    if (!tensor)
        return failure_set(failure, STATUS_INVALID_FILE, "Tensor '%s' of shape %s is missing.", name,
                           tensor_pattern_text(rank, shape, wanted));
    enum status status = check_shape(tensor, name, rank, shape, failure);
    if (!status && out)
        *out = tensor;
    return status;
}
