#include "engine/checkpoint/module_buffer.h"

#include "engine/checkpoint/names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 3, SETTINGS_DEPTH_MAX = 4 };
static const char *const means[] = {"mean", "pixel_mean", "image_mean", NULL}, *const deviations[] = {
                                                                                   "std", "pixel_std",
                                                                                   "image_std", NULL};

static enum module_buffer_kind kind_of_pictures(const char *name)
{
    return name_is_listed(means, name)        ? BUFFER_MEAN
           : name_is_listed(deviations, name) ? BUFFER_DEVIATION
                                              : BUFFER_NONE;
}

static bool is_whole_number(enum tensor_type type)
{
    return type == TENSOR_I64 || type == TENSOR_I32 || type == TENSOR_I16 || type == TENSOR_I8 ||
           type == TENSOR_U64 || type == TENSOR_U32 || type == TENSOR_U16 || type == TENSOR_U8;
}

enum module_buffer_kind module_buffer_kind(const char *key, const struct value *value)
{
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
    return kind_of_pictures(last);
}

static bool read_number(const struct value *value, float *out)
{
    *out = value->kind == VALUE_NUMBER    ? (float)value->number
           : value->kind == VALUE_INTEGER ? (float)value->integer
                                          : NAN;
    return !isnan(*out);
}

/* One number, or one a channel. */
static bool read_channels(const struct value *value, float out[CHANNELS])
{
    const bool list = value->kind == VALUE_LIST || value->kind == VALUE_TUPLE;
    const size_t count = list ? value->sequence.count : 1;
    bool valid = count == 1 || count == CHANNELS;
    for (size_t c = 0; c < CHANNELS && valid; c++)
        valid = read_number(list ? value->sequence.items[count == 1 ? 0 : c] : value, &out[c]);
    return valid;
}

/* A bare "mean" of one number is anybody's: an initialiser has one. */
static bool says_channels(const char *name, const struct value *value)
{
    const bool list = value->kind == VALUE_LIST || value->kind == VALUE_TUPLE;
    return strchr(name, '_') || (list && value->sequence.count == CHANNELS);
}

static void take_settings(struct module_buffers *buffers, const struct value *settings, int depth)
{
    for (size_t i = 0; settings->kind == VALUE_DICT && i < settings->sequence.count; i += 2) {
        const struct value *key = settings->sequence.items[i], *value = settings->sequence.items[i + 1];
        float numbers[CHANNELS];
        const enum module_buffer_kind kind = value_is_name(key) && says_channels(key->text.data, value)
                                                 ? kind_of_pictures(key->text.data)
                                                 : BUFFER_NONE;
        if (depth < SETTINGS_DEPTH_MAX)
            take_settings(buffers, value, depth + 1);
        if (kind == BUFFER_NONE || !read_channels(value, numbers) || buffers->count == MODULE_BUFFERS_MAX)
            continue;
        buffers->items[buffers->count].key = key->text.data;
        buffers->items[buffers->count].kind = kind;
        buffers->items[buffers->count].tensor = NULL;
        memcpy(buffers->items[buffers->count++].numbers, numbers, sizeof numbers);
    }
}

void module_buffers_take_settings(struct module_buffers *buffers, const struct value *settings)
{
    if (settings)
        take_settings(buffers, settings, 0);
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

static void read_values(const struct stored_tensor *tensor, const uint8_t *data, float out[CHANNELS])
{
    const struct tensor read = {
        .type = tensor->type, .data = data, .size_bytes = tensor->elements * tensor_type_bytes(tensor->type)};
    tensor_to_float(&read, out);
    for (size_t c = tensor->elements; c < CHANNELS; c++)
        out[c] = out[0];
}

/* *unit: what all of them are multiplied with, 0 before the first. */
static enum status check_pictures(const char *key, const double wanted[CHANNELS],
                                  const float values[CHANNELS], double tolerance,
                                  const struct profile *profile, struct failure *failure, double *unit)
{
    const double units[] = {1, 1 / profile->rescale};
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
        struct bytes data = {0};
        float values[CHANNELS];
        const char *key = buffers->items[i].key;
        const enum module_buffer_kind kind = buffers->items[i].kind;
        const struct stored_tensor *tensor = buffers->items[i].tensor;
        memcpy(values, buffers->items[i].numbers, sizeof values);
        if (tensor && (status = checkpoint_read(checkpoint, tensor, failure, &data)))
            return status;
        if (kind != BUFFER_MEAN && kind != BUFFER_DEVIATION) {
            status = check_whole_numbers(key, kind, tensor, data.data, failure);
        } else {
            if (tensor)
                read_values(tensor, data.data, values);
            status =
                check_pictures(key, kind == BUFFER_MEAN ? profile->mean : profile->deviation, values,
                               tolerance_of(tensor ? tensor->type : TENSOR_F32), profile, failure, &unit);
        }
        free((void *)data.data);
    }
    return status;
}
