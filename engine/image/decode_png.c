/* PNG through stb_image, which is given a file whose container and pixels were checked: see png_source.h.
 *
 * Memory: twice the bytes of the samples, which are at most 8 a pixel; of an interlaced file 3.5 times as
 * many: its rows, with as much room again as the decoder takes, the image, and the last pass, half of it.
 */
#include "engine/image/png_source.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The decoder's memory: new blocks are zeroed, so that nothing unwritten can reach a result, and all are
 * counted (in sum, not at the peak) against the budget that the header justifies. */
static _Thread_local struct {
    size_t used, limit;
    bool is_out; /* a block was asked for and not given */
} decoder_memory;

static void *decoder_resize(void *old, size_t old_size, size_t size)
{
    size_t more = old ? size - old_size : size;
    void *memory = NULL;
    if (more <= decoder_memory.limit - decoder_memory.used)
        memory = old ? realloc(old, size) : calloc(1, size);
    decoder_memory.used += memory ? more : 0;
    decoder_memory.is_out |= !memory;
    return memory;
}

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_FAILURE_STRINGS
#define STBI_MAX_DIMENSIONS                     IMAGE_SIDE_MAX
#define STBI_MALLOC(size)                       decoder_resize(NULL, 0, size)
#define STBI_REALLOC_SIZED(old, old_size, size) decoder_resize(old, old_size, size)
#define STBI_FREE(memory)                       free(memory)
#include <stb_image.h>

/* Room for the pixels as read, their rows (which grow by doubling), the image and its passes, and the RGB of
 * a palette's. */
static size_t budget_of(const struct png *png)
{
    size_t pixels = (size_t)png->width * png->height, sample_bytes = png->depth == 16 ? 2 : 1;
    return png_source_data_bytes(png) + 2 * png->raw_bytes +
           pixels * (2 * png_channels(png) * sample_bytes + 3) + (1 << 20);
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

/* 16-bit samples to RGB: stretched between the extremes of all colour samples. A constant image turns black;
 * image_prepare refuses it. Returns warnings. */
static uint32_t rgb_from_16_bits(const uint16_t *samples, size_t pixels, size_t channels, uint8_t *out)
{
    size_t colours = channels >= 3 ? 3 : 1;
    struct histogram *histogram = memory_allocate(1, sizeof *histogram);
    uint8_t *table = memory_allocate(UINT16_MAX + 1, 1);
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < colours; c++)
            histogram->counts[samples[i * channels + c]]++;
    while (!histogram->counts[histogram->minimum])
        histogram->minimum++;
    for (histogram->maximum = UINT16_MAX; !histogram->counts[histogram->maximum];)
        histogram->maximum--;
    unsigned minimum = histogram->minimum, maximum = histogram->maximum;
    for (unsigned v = minimum; minimum < maximum && v <= maximum; v++)
        table[v] = (uint8_t)((double)(v - minimum) / (maximum - minimum) * 255.0);
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            out[3 * i + c] = table[samples[i * channels + (colours == 3 ? c : 0)]];
    uint32_t warnings = is_squeezed(histogram, pixels * colours) ? IMAGE_WARNING_OUTLIERS : 0;
    free(table);
    free(histogram);
    return warnings;
}

/* 8-bit samples to RGB: grey three times, and no alpha. */
static void rgb_from_8_bits(const uint8_t *samples, size_t pixels, size_t channels, uint8_t *out)
{
    if (channels == 3)
        memcpy(out, samples, 3 * pixels);
    else if (channels == 4)
        for (size_t i = 0; i < pixels; i++)
            memcpy(out + 3 * i, samples + 4 * i, 3);
    else
        for (size_t i = 0; i < pixels; i++, samples += channels)
            out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = *samples;
}

static int source_read(void *source, char *out, int size)
{
    return (int)png_source_read(source, (uint8_t *)out, (size_t)size);
}

/* Samples of 16 bits, in this machine's order, or of 8, which the caller frees. */
static enum status samples_decode(const struct png *png, struct png_source *source, struct failure *failure,
                                  size_t *channels, void **out)
{
    /* Skipping and looking for the end are for chunks and formats that the source does not make. */
    static const stbi_io_callbacks reading = {.read = source_read};
    int width = 0, height = 0, count = 0;
    decoder_memory.used = 0;
    decoder_memory.limit = budget_of(png);
    decoder_memory.is_out = false;
    void *samples = png->depth == 16
                        ? (void *)stbi_load_16_from_callbacks(&reading, source, &width, &height, &count, 0)
                        : (void *)stbi_load_from_callbacks(&reading, source, &width, &height, &count, 0);
    if (source->status)
        return source->status;
    if (decoder_memory.is_out)
        return image_no_memory(failure);
    if (!samples)
        return png_damaged(failure, "its image data cannot be decoded");
    assert((uint32_t)width == png->width && (uint32_t)height == png->height);
    *channels = (size_t)count;
    *out = samples;
    return STATUS_OK;
}

enum status image_decode_png(struct bytes encoded, uint8_t *room, struct failure *failure,
                             struct image_info *info, uint8_t **pixels)
{
    struct png png;
    struct png_source source;
    size_t channels = 0;
    void *samples = NULL;
    enum status status = png_inspect(encoded, failure, info, &png);
    if (!status)
        status = png_source_init(encoded, &png, failure, &source);
    if (status)
        return status;
    status = samples_decode(&png, &source, failure, &channels, &samples);
    png_source_finish(&source);
    if (status)
        return status;
    size_t count = (size_t)png.width * png.height;
    *pixels = room ? room : memory_allocate(count, 3);
    if (png.depth == 16)
        info->warnings |= rgb_from_16_bits(samples, count, channels, *pixels);
    else
        rgb_from_8_bits(samples, count, channels, *pixels);
    free(samples);
    return STATUS_OK;
}
