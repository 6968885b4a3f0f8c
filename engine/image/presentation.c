/* The one step between what a file stores and what a network is shown: RGB of 8 bits. */
#include "engine/image/container.h"

#include <stdlib.h>
#include <string.h>

void samples_finish(struct samples *samples)
{
    if (!samples->borrowed)
        free(samples->values);
    if (samples->greyscale)
        greyscale_finish(samples->greyscale);
    free(samples->greyscale);
    *samples = (struct samples){0};
}

/* Occurrences of each value among the colour samples. */
struct histogram {
    uint32_t counts[UINT16_MAX + 1];
    unsigned minimum, maximum;
};

/* True when 99 of 100 samples lie within a quarter of the range, so that less than 64 of the 256 levels are
 * left for what is not extreme. Real films use more than half of it. */
static bool is_squeezed(const struct histogram *histogram, size_t samples)
{
    size_t dropped = samples / 200, below = 0, above = 0;
    unsigned low = histogram->minimum, high = histogram->maximum;
    while ((below += histogram->counts[low]) <= dropped && low < high)
        low++;
    while ((above += histogram->counts[high]) <= dropped && high > low)
        high--;
    return 4 * (high - low) < histogram->maximum - histogram->minimum;
}

/* 16-bit samples to RGB: stretched between the extremes of all samples. A constant image turns black;
 * image_prepare refuses it. Returns warnings. */
static uint32_t rgb_from_16_bits(const uint16_t *samples, size_t pixels, size_t channels, uint8_t *out)
{
    struct histogram *histogram = memory_allocate(1, sizeof *histogram);
    uint8_t *table = memory_allocate(UINT16_MAX + 1, 1);
    for (size_t i = 0; i < pixels * channels; i++)
        histogram->counts[samples[i]]++;
    while (!histogram->counts[histogram->minimum])
        histogram->minimum++;
    for (histogram->maximum = UINT16_MAX; !histogram->counts[histogram->maximum];)
        histogram->maximum--;
    unsigned minimum = histogram->minimum, maximum = histogram->maximum;
    for (unsigned v = minimum; minimum < maximum && v <= maximum; v++)
        table[v] = (uint8_t)((double)(v - minimum) / (maximum - minimum) * 255.0);
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            out[3 * i + c] = table[samples[i * channels + (channels == 3 ? c : 0)]];
    uint32_t warnings = is_squeezed(histogram, pixels * channels) ? IMAGE_WARNING_OUTLIERS : 0;
    free(table);
    free(histogram);
    return warnings;
}

/* DICOM's stored values to RGB, by the profile that was asked for. */
static void rgb_from_stored(const uint16_t *samples, size_t pixels, const struct greyscale *greyscale,
                            enum dicom_profile profile, uint8_t *out)
{
    uint32_t *counts = memory_allocate(STORED_VALUES, sizeof *counts);
    uint8_t *table = memory_allocate(STORED_VALUES, 1);
    for (size_t i = 0; i < pixels; i++)
        counts[samples[i]]++;
    greyscale_table(greyscale, counts, profile, table);
    for (size_t i = 0; i < pixels; i++)
        out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = table[samples[i]];
    free(table);
    free(counts);
}

static void rgb_from_grey(const uint8_t *samples, size_t pixels, uint8_t *out)
{
    for (size_t i = 0; i < pixels; i++)
        out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = samples[i];
}

enum status image_present(struct samples *samples, uint8_t *room, struct failure *failure,
                          struct image_info *info, uint8_t **pixels)
{
    size_t count = (size_t)info->width * info->height;
    bool shown = samples->bits == 8 && samples->channels == 3; /* as it is */
    if (shown && (samples->borrowed || !room)) {
        *pixels = samples->values;
        samples->values = NULL;
        return STATUS_OK;
    }
    uint8_t *out = room ? room : malloc(count * 3);
    if (!out)
        return image_no_memory(failure);
    if (samples->greyscale)
        rgb_from_stored(samples->values, count, samples->greyscale, info->dicom.profile, out);
    else if (shown)
        memcpy(out, samples->values, count * 3);
    else if (samples->bits == 8)
        rgb_from_grey(samples->values, count, out);
    else
        info->warnings |= rgb_from_16_bits(samples->values, count, samples->channels, out);
    samples_finish(samples);
    *pixels = out;
    return STATUS_OK;
}
