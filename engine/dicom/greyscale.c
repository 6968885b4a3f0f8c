#include "engine/dicom/greyscale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void greyscale_finish(struct greyscale *greyscale)
{
    free(greyscale->modality.entries);
    free(greyscale->voi.entries);
    *greyscale = (struct greyscale){0};
}

/* PS3.3, C.7.6.3.1.2 (Pixel Representation): 0 is unsigned, 1 two's complement. */
static int32_t stored_value(const struct greyscale *greyscale, unsigned bits)
{
    return greyscale->is_signed ? (int16_t)bits : (int32_t)bits;
}

/* PS3.3, C.7.5.1.1.2 (Pixel Padding Value and Range Limit): both ends belong to it. */
static bool is_padding(const struct greyscale *greyscale, int32_t value)
{
    return greyscale->has_padding && value >= greyscale->padding_low && value <= greyscale->padding_high;
}

/* Whether a stored value stands in the picture. */
static bool is_shown(const struct greyscale *greyscale, const uint32_t counts[STORED_VALUES], unsigned bits)
{
    return counts[bits] && !is_padding(greyscale, stored_value(greyscale, bits));
}

/* PS3.3, C.11.1.1.1 and C.11.2.1.1 (LUT Descriptor): what is below the first entry has it, what is beyond
 * the last has that. */
static uint16_t lookup_entry(const struct lookup *lookup, double value)
{
    double place = floor(value + 0.5) - lookup->first;
    if (place <= 0)
        return lookup->entries[0];
    return lookup->entries[place < lookup->count ? (uint32_t)place : lookup->count - 1];
}

/* PS3.3, C.11.1 (Modality LUT): its table, else Rescale Slope and Intercept. */
static double modality_value(const struct greyscale *greyscale, int32_t value)
{
    if (greyscale->modality.count)
        return lookup_entry(&greyscale->modality, value);
    return greyscale->slope * value + greyscale->intercept;
}

/* PS3.3, C.11.2.1.2.1 (Default LINEAR function), to 0 to 1. A width of 1 is a step. */
static double window_linear(double value, double centre, double width)
{
    double from = centre - 0.5 - (width - 1) / 2, to = centre - 0.5 + (width - 1) / 2;
    if (value <= from)
        return 0;
    return value > to ? 1 : (value - (centre - 0.5)) / (width - 1) + 0.5;
}

/* PS3.3, C.11.2.1.3.2 (LINEAR_EXACT function). */
static double window_linear_exact(double value, double centre, double width)
{
    if (value <= centre - width / 2)
        return 0;
    return value > centre + width / 2 ? 1 : (value - centre) / width + 0.5;
}

/* PS3.3, C.11.2.1.3.1 (SIGMOID function). */
static double window_sigmoid(double value, double centre, double width)
{
    return 1 / (1 + exp(-4 * (value - centre) / width));
}

static double window_value(const struct window *window, double value)
{
    switch (window->function) {
    case WINDOW_LINEAR_EXACT:
        return window_linear_exact(value, window->centre, window->width);
    case WINDOW_SIGMOID:
        return window_sigmoid(value, window->centre, window->width);
    default:
        return window_linear(value, window->centre, window->width);
    }
}

struct range {
    double low, high;
};

/* Of all values of the picture behind the Modality LUT. */
static struct range modality_range(const struct greyscale *greyscale, const uint32_t counts[STORED_VALUES])
{
    struct range range = {INFINITY, -INFINITY};
    for (unsigned bits = 0; bits < STORED_VALUES; bits++) {
        if (!is_shown(greyscale, counts, bits))
            continue;
        double value = modality_value(greyscale, stored_value(greyscale, bits));
        range.low = value < range.low ? value : range.low;
        range.high = value > range.high ? value : range.high;
    }
    return range;
}

/* PS3.3, C.11.2 (VOI LUT): its table, else its window, else, where the file has neither, all values. */
static double voi_value(const struct greyscale *greyscale, const struct range *range, double value)
{
    if (greyscale->voi.count)
        return lookup_entry(&greyscale->voi, value) / (double)((1u << greyscale->voi.bits) - 1);
    if (greyscale->window.width > 0)
        return window_value(&greyscale->window, value);
    return range->high > range->low ? (value - range->low) / (range->high - range->low) : 0;
}

/* PS3.3, C.11.6 (Softcopy Presentation LUT) and C.7.6.3.1.2 (Photometric Interpretation): P-values, of which
 * the least is black. MONOCHROME1 is inverted here, once: a Presentation LUT Shape of INVERSE, which such
 * files have as well, says the same again. */
static uint8_t presentation_value(const struct greyscale *greyscale, double share)
{
    double bounded = share < 0 ? 0 : share > 1 ? 1 : share;
    uint8_t level = (uint8_t)(bounded * 255 + 0.5);
    return greyscale->is_inverted ? (uint8_t)(255 - level) : level;
}

static void table_voi(const struct greyscale *greyscale, const uint32_t counts[STORED_VALUES],
                      uint8_t table[STORED_VALUES])
{
    struct range range = modality_range(greyscale, counts);
    for (unsigned bits = 0; bits < STORED_VALUES; bits++) {
        double value = modality_value(greyscale, stored_value(greyscale, bits));
        table[bits] = presentation_value(greyscale, voi_value(greyscale, &range, value));
    }
}

/* The least and the largest stored value of the picture; false when there is none. */
static bool stored_range(const struct greyscale *greyscale, const uint32_t counts[STORED_VALUES],
                         int32_t *low, int32_t *high)
{
    *low = INT32_MAX;
    *high = INT32_MIN;
    for (unsigned bits = 0; bits < STORED_VALUES; bits++) {
        int32_t value = stored_value(greyscale, bits);
        if (!is_shown(greyscale, counts, bits))
            continue;
        *low = value < *low ? value : *low;
        *high = value > *high ? value : *high;
    }
    return *low <= *high;
}

/* Histogram equalisation as OpenCV's equalizeHist: the least level that there is becomes 0, and each other
 * one 255 times the share of pixels above the least that are not above it, in float32, rounded half to even.
 * A picture of one level stays as it is. */
static void equalise(const uint64_t counts[256], uint8_t out[256])
{
    unsigned level = 0;
    uint64_t all = 0, sum = 0;
    for (unsigned i = 0; i < 256; i++) {
        all += counts[i];
        out[i] = (uint8_t)i;
    }
    while (level < 255 && !counts[level])
        level++;
    if (counts[level] == all)
        return;
    float scale = 255.0f / (float)(all - counts[level]);
    for (out[level++] = 0; level < 256; level++) {
        sum += counts[level];
        out[level] = (uint8_t)lrintf((float)sum * scale);
    }
}

/* As the JPEGs of MIMIC-CXR were made: stored values stretched to 0 to 255 and truncated, MONOCHROME1
 * inverted, the histogram equalised. No Modality LUT, no window. */
static void table_mimic(const struct greyscale *greyscale, const uint32_t counts[STORED_VALUES],
                        uint8_t table[STORED_VALUES])
{
    int32_t low, high;
    uint64_t levels[256] = {0};
    uint8_t equalised[256];
    bool shown = stored_range(greyscale, counts, &low, &high);
    for (unsigned bits = 0; bits < STORED_VALUES; bits++) {
        int32_t value = stored_value(greyscale, bits);
        bool inside = shown && high > low && value >= low && value <= high;
        uint8_t level = inside ? (uint8_t)((double)(value - low) / (high - low) * 255.0) : 0;
        table[bits] = greyscale->is_inverted ? (uint8_t)(255 - level) : level;
        if (is_shown(greyscale, counts, bits))
            levels[table[bits]] += counts[bits];
    }
    equalise(levels, equalised);
    for (unsigned bits = 0; bits < STORED_VALUES; bits++)
        table[bits] = equalised[table[bits]];
}

void greyscale_table(const struct greyscale *greyscale, const uint32_t counts[STORED_VALUES],
                     enum dicom_profile profile, uint8_t table[STORED_VALUES])
{
    if (profile == DICOM_PROFILE_VOI)
        table_voi(greyscale, counts, table);
    else
        table_mimic(greyscale, counts, table);
    for (unsigned bits = 0; greyscale->has_padding && bits < STORED_VALUES; bits++)
        if (is_padding(greyscale, stored_value(greyscale, bits)))
            table[bits] = 0;
}
