#include "engine/checkpoint/module_buffer.h"

#include "engine/checkpoint/names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 3 };

static bool is_whole_number(enum tensor_type type)
{
    return type == TENSOR_I64 || type == TENSOR_I32 || type == TENSOR_I16 || type == TENSOR_I8 ||
           type == TENSOR_U64 || type == TENSOR_U32 || type == TENSOR_U16 || type == TENSOR_U8;
}

enum module_buffer_kind module_buffer_kind(const char *key, const struct value *value)
{
    static const char *const means[] = {"mean", "pixel_mean", "image_mean", NULL};
    static const char *const deviations[] = {"std", "pixel_std", "image_std", NULL};
    if (value->kind != VALUE_TENSOR)
        return BUFFER_NONE;
    const struct stored_tensor *tensor = value->tensor;
    const char *name = name_strip(key), *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
    if (is_whole_number(tensor->type))
        return !strcmp(name, "n_averaged") && tensor->elements == 1 ? BUFFER_AVERAGED
               : !strcmp(last, "position_ids") && tensor->elements  ? BUFFER_PLACES
                                                                    : BUFFER_NONE;
    if (!tensor_type_is_float(tensor->type) || (tensor->elements != 1 && tensor->elements != CHANNELS))
        return BUFFER_NONE;
    return name_is_listed(means, last)        ? BUFFER_MEAN
           : name_is_listed(deviations, last) ? BUFFER_DEVIATION
                                              : BUFFER_NONE;
}

bool module_buffers_take(struct module_buffers *buffers, const char *key, const struct value *value)
{
    const enum module_buffer_kind kind = module_buffer_kind(key, value);
    if (kind == BUFFER_NONE || buffers->count == MODULE_BUFFERS_MAX)
        return false;
    buffers->items[buffers->count].key = key;
    buffers->items[buffers->count].kind = kind;
    buffers->items[buffers->count++].tensor = value->tensor;
    return true;
}

/* Whether the little-endian whole number is `value`. */
static bool is_number(const uint8_t *bytes, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++, value >>= 8)
        if (bytes[i] != (uint8_t)value)
            return false;
    return !value;
}

/* A copy of the network that nothing was averaged into is the one that training began with. */
static enum status check_whole_numbers(const char *key, enum module_buffer_kind kind,
                                       const struct stored_tensor *tensor, const uint8_t *data,
                                       struct failure *failure)
{
    const size_t width = tensor_type_bytes(tensor->type);
    if (kind == BUFFER_AVERAGED)
        return !is_number(data, width, 0)
                   ? STATUS_OK
                   : failure_set(failure, STATUS_INVALID_FILE,
                                 "'%.100s' is 0: nothing was averaged into these weights, which are those "
                                 "that training began with.",
                                 key);
    for (size_t i = 0; i < tensor->elements; i++)
        if (!is_number(data + i * width, width, i))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "'%.100s' does not count 0, 1, 2, ...: other places of positions are not "
                               "supported.",
                               key);
    return STATUS_OK;
}

/* As many digits as the type has. */
static double tolerance_of(enum tensor_type type)
{
    return type == TENSOR_BF16 ? 0x1p-7 : type == TENSOR_F16 ? 0x1p-10 : 1e-5;
}

static bool are_equal(const float values[CHANNELS], const double wanted[CHANNELS], double unit,
                      double tolerance)
{
    for (size_t c = 0; c < CHANNELS; c++)
        if (!(fabs((double)values[c] - unit * wanted[c]) <= tolerance * fmax(fabs(unit * wanted[c]), 1e-3)))
            return false;
    return true;
}

/* *unit: what all of them are multiplied with, 0 before the first. */
static enum status check_pictures(const char *key, const double wanted[CHANNELS],
                                  const struct stored_tensor *tensor, const uint8_t *data,
                                  const struct profile *profile, struct failure *failure, double *unit)
{
    float values[CHANNELS];
    const struct tensor read = {
        .type = tensor->type, .data = data, .size_bytes = tensor->elements * tensor_type_bytes(tensor->type)};
    const double units[] = {1, 1 / profile->rescale}, tolerance = tolerance_of(tensor->type);
    tensor_to_float(&read, values);
    for (size_t c = tensor->elements; c < CHANNELS; c++)
        values[c] = values[0];
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if ((*unit == 0 || *unit == units[i]) && are_equal(values, wanted, units[i], tolerance)) {
            *unit = units[i];
            return STATUS_OK;
        }
    return failure_set(failure, STATUS_INVALID_FILE,
                       "'%.100s' is %g, %g, %g where the profile %.40s has %g, %g, %g: the network prepares "
                       "its pictures in another way. Give a file that says it as --preprocessor.",
                       key, (double)values[0], (double)values[1], (double)values[2], profile->name, wanted[0],
                       wanted[1], wanted[2]);
}

enum status module_buffers_check(const struct module_buffers *buffers, struct checkpoint *checkpoint,
                                 const struct profile *profile, struct failure *failure)
{
    enum status status = STATUS_OK;
    double unit = 0;
    for (size_t i = 0; i < buffers->count && !status; i++) {
        struct bytes data;
        const enum module_buffer_kind kind = buffers->items[i].kind;
        const struct stored_tensor *tensor = buffers->items[i].tensor;
        status = checkpoint_read(checkpoint, tensor, failure, &data);
        if (status)
            return status;
        if (kind == BUFFER_MEAN || kind == BUFFER_DEVIATION)
            status = check_pictures(buffers->items[i].key,
                                    kind == BUFFER_MEAN ? profile->mean : profile->deviation, tensor,
                                    data.data, profile, failure, &unit);
        else
            status = check_whole_numbers(buffers->items[i].key, kind, tensor, data.data, failure);
        free((void *)data.data);
    }
    return status;
}
