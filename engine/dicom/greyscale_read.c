#include "engine/dicom/pixels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Slopes, intercepts and windows beyond these mean nothing to 16 bits. */
#define VALUE_MAX 1e9

static enum status damaged(struct failure *failure, const char *what)
{
    return failure_set(failure, STATUS_UNPROCESSABLE, "The DICOM file is damaged: %s. Export it again.",
                       what);
}

/* A word as stored values are: with their sign, in the bits that are stored. */
static bool stored_word(const struct dicom *dicom, enum attribute attribute, int32_t *out)
{
    uint16_t word;
    if (!dataset_word(&dicom->set, attribute, 0, &word))
        return false;
    *out = dicom->form.is_signed ? (int16_t)word : (int32_t)word;
    return true;
}

/* PS3.3, C.7.5.1.1.2: one value, or all between it and the limit, in either order. */
static void read_padding(struct dicom *dicom)
{
    struct greyscale *greyscale = &dicom->greyscale;
    int32_t value, limit;
    greyscale->has_padding = dicom->colour == DICOM_GREY && stored_word(dicom, DICOM_PADDING_VALUE, &value);
    if (!greyscale->has_padding)
        return;
    if (!stored_word(dicom, DICOM_PADDING_LIMIT, &limit))
        limit = value;
    greyscale->padding_low = value < limit ? value : limit;
    greyscale->padding_high = value < limit ? limit : value;
}

/* PS3.3, C.11.1.1.2: units = slope * stored value + intercept. */
static enum status read_rescale(struct dicom *dicom, struct failure *failure)
{
    struct greyscale *greyscale = &dicom->greyscale;
    greyscale->slope = 1;
    greyscale->intercept = 0;
    bool slope = dataset_has(&dicom->set, DICOM_RESCALE_SLOPE),
         intercept = dataset_has(&dicom->set, DICOM_RESCALE_INTERCEPT);
    if ((slope && !dataset_decimal(&dicom->set, DICOM_RESCALE_SLOPE, 0, &greyscale->slope)) ||
        (intercept && !dataset_decimal(&dicom->set, DICOM_RESCALE_INTERCEPT, 0, &greyscale->intercept)) ||
        fabs(greyscale->slope) > VALUE_MAX || fabs(greyscale->intercept) > VALUE_MAX)
        return damaged(failure, "its Rescale Slope or Intercept is no number");
    if (greyscale->slope == 0)
        return damaged(failure, "its Rescale Slope is 0, which makes all pixels one value");
    return STATUS_OK;
}

/* Reads a table's entries: words, or bytes where it has as many and no more. False where some are missing. */
static bool read_entries(const struct dataset *item, struct lookup *out)
{
    const struct bytes data = item->elements[DICOM_LUT_DATA].value;
    bool bytes = out->bits <= 8 && data.size < 2 * (size_t)out->count && data.size >= out->count;
    if (!bytes && data.size / 2 < out->count)
        return false;
    out->entries = memory_allocate(out->count, sizeof *out->entries);
    for (uint32_t i = 0; i < out->count; i++)
        if (bytes)
            out->entries[i] = data.data[i];
        else
            (void)dataset_word(item, DICOM_LUT_DATA, i, &out->entries[i]);
    return true;
}

/* PS3.3, C.11.1.1.1 and C.11.2.1.1: the first item of a sequence of tables. 0 entries are 65536. The first
 * value has a sign where its VR says so, or where there is none and `negative`: what it is for may be below
 * 0. */
static enum status read_lookup(const struct dicom *dicom, enum attribute sequence, bool negative,
                               struct failure *failure, struct lookup *out)
{
    struct dataset item;
    uint16_t count, first, bits;
    if (!dataset_item(&dicom->set, sequence, &item))
        return STATUS_OK; /* an empty sequence */
    if (!dataset_word(&item, DICOM_LUT_DESCRIPTOR, 0, &count) ||
        !dataset_word(&item, DICOM_LUT_DESCRIPTOR, 1, &first) ||
        !dataset_word(&item, DICOM_LUT_DESCRIPTOR, 2, &bits) || bits < 8 || bits > 16)
        return damaged(failure, "a table of grey values has no valid LUT Descriptor");
    const char *form = item.elements[DICOM_LUT_DESCRIPTOR].form;
    bool is_signed = *form ? !strcmp(form, "SS") : negative;
    struct lookup lookup = {
        .first = is_signed ? (int16_t)first : (int32_t)first, .count = count ? count : 65536, .bits = bits};
    if (!read_entries(&item, &lookup))
        return damaged(failure, "a table of grey values is shorter than its LUT Descriptor says");
    *out = lookup;
    return STATUS_OK;
}

/* PS3.3, C.11.2.1.2 and C.11.2.1.3: the first window, where it is valid: a width of at least 1 for LINEAR,
 * above 0 for the others. */
static struct window read_window(const struct dataset *set)
{
    struct window window = {.function = WINDOW_LINEAR};
    char function[DICOM_CODE_BYTES];
    dataset_text(set, DICOM_VOI_FUNCTION, 0, function, sizeof function);
    if (!strcmp(function, "LINEAR_EXACT"))
        window.function = WINDOW_LINEAR_EXACT;
    else if (!strcmp(function, "SIGMOID"))
        window.function = WINDOW_SIGMOID;
    else if (*function && strcmp(function, "LINEAR"))
        return window;
    double centre, width;
    if (!dataset_decimal(set, DICOM_WINDOW_CENTRE, 0, &centre) ||
        !dataset_decimal(set, DICOM_WINDOW_WIDTH, 0, &width) || fabs(centre) > VALUE_MAX || width > VALUE_MAX)
        return window;
    if (window.function == WINDOW_LINEAR ? width < 1 : width <= 0)
        return window;
    window.centre = centre;
    window.width = width;
    return window;
}

/* Colours are shown as they are: 0 to 255. */
static void show_as_stored(struct greyscale *greyscale)
{
    greyscale->slope = 1;
    greyscale->window = (struct window){WINDOW_LINEAR, 128, 256};
}

enum status greyscale_read(struct dicom *dicom, struct failure *failure)
{
    struct greyscale *greyscale = &dicom->greyscale;
    const struct dataset *set = &dicom->set;
    if (dicom->colour != DICOM_GREY) {
        show_as_stored(greyscale);
        return STATUS_OK;
    }
    read_padding(dicom);
    enum status status = read_rescale(dicom, failure);
    if (!status && dataset_has(set, DICOM_MODALITY_LUT))
        status = read_lookup(dicom, DICOM_MODALITY_LUT, dicom->form.is_signed, failure, &greyscale->modality);
    bool negative = !greyscale->modality.count && (dicom->form.is_signed || greyscale->intercept < 0);
    if (!status && dataset_has(set, DICOM_VOI_LUT))
        status = read_lookup(dicom, DICOM_VOI_LUT, negative, failure, &greyscale->voi);
    greyscale->window = read_window(set);
    if (!greyscale->voi.count && greyscale->window.width <= 0)
        dicom->remarks |= DICOM_REMARK_NO_WINDOW;
    else if (!greyscale->voi.count && dataset_count(set, DICOM_WINDOW_CENTRE) > 1)
        dicom->remarks |= DICOM_REMARK_WINDOWS;
    return status;
}
