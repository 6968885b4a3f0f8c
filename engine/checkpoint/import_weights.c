#include "engine/checkpoint/import_weights.h"

#include "engine/base/half.h"
#include "engine/base/text.h"
#include "engine/weights/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const float HALF_OVERFLOW = 65520; /* rounds to infinity; what is below rounds to at most 65504 */
/* Of a row, in root mean squares: twice what rounding takes of values that float16 holds with all its digits.
 * The engine scales each row before it rounds, so only what is stored can lose more. */
static const double HALF_LOSS_MAX = 0x1p-10;

static enum tensor_type written_type(const struct selected *item, enum import_precision precision)
{
    bool is_matrix = item->source->rank >= 2 && text_stem(item->name, "weight");
    return precision == IMPORT_FP16 && is_matrix && !item->stays_float ? TENSOR_F16 : TENSOR_F32;
}

static size_t written_bytes(const struct selected *item, enum import_precision precision)
{
    return item->source->elements * tensor_type_bytes(written_type(item, precision));
}

static size_t read_bytes(const struct selected *item)
{
    return item->source->elements * sizeof(float);
}

size_t import_weights_work(const struct selection *selection)
{
    size_t bytes = 0;
    for (size_t i = 0; i < selection->count; i++)
        bytes += 2 * read_bytes(&selection->items[i]);
    return bytes;
}

static void count_work(struct import_meter *meter, const struct selected *item)
{
    meter->done_bytes += read_bytes(item);
    if (meter->progress)
        meter->progress(meter->context, meter->done_bytes, meter->total_bytes);
}

/* The item's elements, which the caller frees. */
static enum status read_floats(struct checkpoint *checkpoint, const struct selected *item,
                               struct failure *failure, float **out)
{
    float *floats = memory_allocate(item->source->elements, sizeof *floats);
    enum status status = selection_read(item, checkpoint, failure, floats);
    if (status)
        free(floats);
    else
        *out = floats;
    return status;
}

static enum status check_values(const struct selected *item, enum tensor_type type, const float *values,
                                struct failure *failure)
{
    for (size_t i = 0; i < item->source->elements; i++) {
        if (!isfinite(values[i]))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "Tensor '%s' holds a value that is not a finite number.", item->name);
        if (type == TENSOR_F16 && fabsf(values[i]) >= HALF_OVERFLOW)
            return failure_set(failure, STATUS_INVALID_FILE,
                               "Tensor '%s' holds %g, too large for fp16. Import with --precision fp32.",
                               item->name, (double)values[i]);
    }
    return STATUS_OK;
}

/* How a use of the files ended: where they were changed meanwhile, that explains whatever else went wrong. */
static enum status finish_reading(const struct checkpoint *checkpoint, enum status status,
                                  struct failure *failure)
{
    enum status changed = checkpoint_unchanged(checkpoint, failure);
    return changed ? changed : status;
}

/* Whether a row is among the smallest numbers of float16, or below all of them, so that most of it is lost.
 */
static bool loses_a_row(const struct selected *item, const float *values)
{
    const size_t rows = item->source->shape[0], columns = rows ? item->source->elements / rows : 0;
    for (size_t row = 0; row < rows; row++, values += columns) {
        double lost = 0, whole = 0;
        for (size_t i = 0; i < columns; i++) {
            const double value = (double)values[i],
                         left = value - (double)half_to_float(half_from_float(values[i]));
            lost += left * left;
            whole += value * value;
        }
        if (lost > HALF_LOSS_MAX * HALF_LOSS_MAX * whole)
            return true;
    }
    return false;
}

enum status import_weights_check(struct checkpoint *checkpoint, struct selection *selection,
                                 enum import_precision precision, struct import_meter *meter,
                                 struct failure *failure)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < selection->count && !status; i++) {
        struct selected *item = &selection->items[i];
        float *floats = NULL;
        status = read_floats(checkpoint, item, failure, &floats);
        if (!status)
            status = check_values(item, written_type(item, precision), floats, failure);
        if (!status)
            item->stays_float = written_type(item, precision) == TENSOR_F16 && loses_a_row(item, floats);
        free(floats);
        count_work(meter, item);
    }
    return finish_reading(checkpoint, status, failure);
}

enum status import_weights_examine(struct checkpoint *checkpoint, struct selection *selection,
                                   struct import_meter *meter, struct failure *failure, struct failure *fp16)
{
    *fp16 = (struct failure){0};
    return import_weights_check(checkpoint, selection, IMPORT_FP16, meter, fp16)
               ? import_weights_check(checkpoint, selection, IMPORT_FP32, meter, failure)
               : STATUS_OK;
}

void import_weights_note(const struct selection *selection, char note[IMPORT_NOTE_BYTES])
{
    const struct selected *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < selection->count; i++) {
        const struct selected *item = &selection->items[i];
        first = first || !item->stays_float ? first : item;
        count += item->stays_float;
    }
    if (count == 1)
        note_add(note, "'%s' is stored in fp32, as fp16 has no room for the small values of its rows.",
                 first->name);
    else if (count)
        note_add(note,
                 "%zu matrices ('%s', ...) are stored in fp32, as fp16 has no room for the small values of "
                 "their rows.",
                 count, first->name);
}

struct conversion {
    struct checkpoint *checkpoint;
    const struct selection *selection;
    const struct tensor *tensors; /* parallel to the selection's items */
    void *converted;              /* the last tensor's bytes */
    struct import_meter *meter;
};

/* Reads one tensor and converts it to the type it is written in. */
static enum status convert(void *context, const struct tensor *tensor, struct failure *failure,
                           const void **out)
{
    struct conversion *conversion = context;
    const struct selected *item = &conversion->selection->items[tensor - conversion->tensors];
    float *floats = NULL;
    enum status status = read_floats(conversion->checkpoint, item, failure, &floats);
    if (status)
        return status;
    free(conversion->converted);
    conversion->converted = floats;
    if (tensor->type == TENSOR_F16) {
        uint16_t *halves = memory_allocate(item->source->elements, sizeof *halves);
        for (size_t i = 0; i < item->source->elements; i++)
            halves[i] = half_from_float(floats[i]);
        free(floats);
        conversion->converted = halves;
    }
    *out = conversion->converted;
    count_work(conversion->meter, item);
    return STATUS_OK;
}

enum status import_weights_write(const char *path, struct checkpoint *checkpoint,
                                 const struct selection *selection, enum import_precision precision,
                                 const struct json *metadata, struct import_meter *meter,
                                 struct failure *failure, char sha256[SHA256_HEX_BYTES])
{
    struct tensor *tensors = selection_tensors(selection);
    for (size_t i = 0; i < selection->count; i++) {
        tensors[i].type = written_type(&selection->items[i], precision);
        tensors[i].size_bytes = written_bytes(&selection->items[i], precision);
    }
    struct conversion conversion = {checkpoint, selection, tensors, NULL, meter};
    enum status status =
        safetensors_write(path, tensors, selection->count, metadata, convert, &conversion, failure);
    bool written = !status;
    status = finish_reading(checkpoint, status, failure);
    if (!status)
        status = sha256_file(path, failure, sha256);
    if (status && written)
        unlink(path);
    free(conversion.converted);
    free(tensors);
    return status;
}
