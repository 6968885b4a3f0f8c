#include "engine/checkpoint/import_weights.h"

#include "engine/base/half.h"
#include "engine/weights/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float HALF_OVERFLOW = 65520; /* rounds to infinity; what is below rounds to at most 65504 */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

static enum tensor_type written_type(const struct selected *item, enum import_precision precision)
{
    bool is_matrix = item->source->rank >= 2 && ends_with(item->name, "weight");
    return precision == IMPORT_FP16 && is_matrix ? TENSOR_F16 : TENSOR_F32;
}

size_t import_weights_bytes(const struct selection *selection, enum import_precision precision)
{
    size_t bytes = 0;
    for (size_t i = 0; i < selection->count; i++)
        bytes += selection->items[i].source->elements *
                 tensor_type_bytes(written_type(&selection->items[i], precision));
    return bytes;
}

struct conversion {
    struct checkpoint *checkpoint;
    const struct selection *selection;
    const struct tensor *tensors; /* parallel to the selection's items */
    void *converted;              /* the last tensor's bytes */
    struct import_meter *meter;
};

static enum status to_half(const char *name, const float *values, size_t count, struct failure *failure,
                           uint16_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (fabsf(values[i]) >= HALF_OVERFLOW)
            return failure_set(failure, STATUS_INVALID_FILE,
                               "Tensor '%s' holds %g, too large for fp16. Import with --precision fp32.",
                               name, (double)values[i]);
        out[i] = half_from_float(values[i]);
    }
    return STATUS_OK;
}

static enum status check_finite(const char *name, const float *values, size_t count, struct failure *failure)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "Tensor '%s' holds a value that is not a finite number.", name);
    }
    return STATUS_OK;
}

/* Reads one tensor and converts it to the type it is written in. */
static enum status convert(void *context, const struct tensor *tensor, struct failure *failure,
                           const void **out)
{
    struct conversion *conversion = context;
    const struct selected *item = &conversion->selection->items[tensor - conversion->tensors];
    const struct stored_tensor *source = item->source;
    float *floats = memory_allocate(source->elements, sizeof *floats);
    free(conversion->converted);
    conversion->converted = floats;
    enum status status = selection_read(item, conversion->checkpoint, failure, floats);
    if (status)
        return status;
    status = check_finite(tensor->name, floats, source->elements, failure);
    if (!status && tensor->type == TENSOR_F16) {
        uint16_t *halves = memory_allocate(source->elements, sizeof *halves);
        status = to_half(tensor->name, floats, source->elements, failure, halves);
        free(floats);
        conversion->converted = halves;
    }
    if (status)
        return status;
    *out = conversion->converted;
    conversion->meter->done_bytes += tensor->size_bytes;
    if (conversion->meter->progress)
        conversion->meter->progress(conversion->meter->context, conversion->meter->done_bytes,
                                    conversion->meter->total_bytes);
    return STATUS_OK;
}

enum status import_weights_write(const char *path, struct checkpoint *checkpoint,
                                 const struct selection *selection, enum import_precision precision,
                                 const struct json *metadata, struct import_meter *meter,
                                 struct failure *failure)
{
    struct tensor *tensors = selection_tensors(selection);
    for (size_t i = 0; i < selection->count; i++) {
        tensors[i].type = written_type(&selection->items[i], precision);
        tensors[i].size_bytes = selection->items[i].source->elements * tensor_type_bytes(tensors[i].type);
    }
    struct conversion conversion = {checkpoint, selection, tensors, NULL, meter};
    enum status status =
        safetensors_write(path, tensors, selection->count, metadata, convert, &conversion, failure);
    free(conversion.converted);
    free(tensors);
    return status;
}
