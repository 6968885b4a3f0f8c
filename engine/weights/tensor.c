#include "engine/weights/tensor.h"

#include "engine/base/half.h"
#include "engine/base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
    bool is_float;
} types[TENSOR_TYPE_COUNT] = {
#define TENSOR_TYPE_ROW(name, bytes, is_float) {#name, bytes, is_float},
    TENSOR_TYPE_TABLE(TENSOR_TYPE_ROW)
#undef TENSOR_TYPE_ROW
};

const char *tensor_type_name(enum tensor_type type)
{
    assert(type < TENSOR_TYPE_COUNT);
    return types[type].name;
}

size_t tensor_type_bytes(enum tensor_type type)
{
    assert(type < TENSOR_TYPE_COUNT);
    return types[type].bytes;
}

bool tensor_type_is_float(enum tensor_type type)
{
    assert(type < TENSOR_TYPE_COUNT);
    return types[type].is_float;
}

bool tensor_type_from_name(const char *name, enum tensor_type *out)
{
    for (size_t i = 0; i < TENSOR_TYPE_COUNT; i++) {
        if (!strcmp(types[i].name, name)) {
            *out = (enum tensor_type)i;
            return true;
        }
    }
    return false;
}

bool tensor_element_count(const struct tensor *tensor, size_t *out)
{
    size_t count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (!checked_multiply(count, tensor->shape[i], &count))
            return false;
    }
    *out = count;
    return true;
}

static const char *print_shape(size_t rank, const size_t *shape, bool is_pattern, char *text)
{
    assert(rank <= TENSOR_RANK_MAX);
    size_t used = 0;
    text[used++] = '[';
    for (size_t i = 0; i < rank; i++) {
        size_t room = TENSOR_SHAPE_TEXT_BYTES - used;
        const char *comma = i ? ", " : "";
        used += (size_t)(is_pattern && shape[i] == 0 ? snprintf(text + used, room, "%s?", comma)
                                                     : snprintf(text + used, room, "%s%zu", comma, shape[i]));
    }
    snprintf(text + used, TENSOR_SHAPE_TEXT_BYTES - used, "]");
    return text;
}

const char *tensor_shape_text(size_t rank, const size_t *shape, char text[TENSOR_SHAPE_TEXT_BYTES])
{
    return print_shape(rank, shape, false, text);
}

const char *tensor_pattern_text(size_t rank, const size_t *shape, char text[TENSOR_SHAPE_TEXT_BYTES])
{
    return print_shape(rank, shape, true, text);
}

static bool shape_fits(const struct tensor *tensor, size_t rank, const size_t *shape)
{
    bool fits = tensor->rank == rank;
    for (size_t i = 0; fits && i < rank; i++)
        fits = shape[i] ? tensor->shape[i] == shape[i] : tensor->shape[i] > 0;
    return fits;
}

enum status tensor_check(const struct tensor *tensor, const char *name, size_t rank, const size_t *shape,
                         struct failure *failure)
{
    char wanted[TENSOR_SHAPE_TEXT_BYTES], found[TENSOR_SHAPE_TEXT_BYTES];
    tensor_pattern_text(rank, shape, wanted);
    if (!tensor)
        return failure_set(failure, STATUS_INVALID_FILE, "Tensor '%s' of shape %s is missing.", name, wanted);
    if (!shape_fits(tensor, rank, shape))
        return failure_set(failure, STATUS_INVALID_FILE, "Tensor '%s' has shape %s where %s is needed.", name,
                           tensor_shape_text(tensor->rank, tensor->shape, found), wanted);
    if (!tensor_type_is_float(tensor->type))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Tensor '%s' is of type %s where " TENSOR_FLOATS " are needed.", name,
                           tensor_type_name(tensor->type));
    return STATUS_OK;
}

static uint16_t load_u16(const uint8_t *data)
{
    uint16_t bits;
    memcpy(&bits, data, sizeof bits);
    return bits;
}

static float load_double(const uint8_t *data)
{
    double value;
    memcpy(&value, data, sizeof value);
    return (float)value;
}

void tensor_to_float(const struct tensor *tensor, float *out)
{
    const uint8_t *data = tensor->data;
    size_t count = tensor->size_bytes / tensor_type_bytes(tensor->type);
    switch (tensor->type) {
    case TENSOR_F32:
        if (count)
            memcpy(out, data, count * sizeof *out);
        return;
    case TENSOR_F16:
        for (size_t i = 0; i < count; i++)
            out[i] = half_to_float(load_u16(data + 2 * i));
        return;
    case TENSOR_BF16:
        for (size_t i = 0; i < count; i++)
            out[i] = bfloat16_to_float(load_u16(data + 2 * i));
        return;
    case TENSOR_F64:
        for (size_t i = 0; i < count; i++)
            out[i] = load_double(data + 8 * i);
        return;
    default:
        assert(!"not a float type");
    }
}
