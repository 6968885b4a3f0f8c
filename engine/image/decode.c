#include "engine/image/container.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The PNG decoder's memory: new blocks are zeroed, so that nothing unwritten can reach a result, and all are
 * counted (in sum, not at the peak) against the budget the header justifies, because a file can ask for far
 * more than its image needs. */
static _Thread_local struct {
    size_t used, limit;
} decoder_memory;

static void *decoder_allocate(size_t size)
{
    if (size > decoder_memory.limit - decoder_memory.used)
        return NULL;
    void *memory = calloc(1, size);
    decoder_memory.used += memory ? size : 0;
    return memory;
}

static void *decoder_resize(void *old, size_t old_size, size_t size)
{
    if (size > decoder_memory.limit - decoder_memory.used)
        return NULL;
    void *memory = realloc(old, size);
    if (memory)
        decoder_memory.used += size - (old ? old_size : 0);
    return memory;
}

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_FAILURE_STRINGS
#define STBI_MAX_DIMENSIONS                     IMAGE_SIDE_MAX
#define STBI_MALLOC(size)                       decoder_allocate(size)
#define STBI_REALLOC_SIZED(old, old_size, size) decoder_resize(old, old_size, size)
#define STBI_REALLOC(old, size)                 decoder_resize(old, 0, size)
#define STBI_FREE(memory)                       free(memory)
#include <stb_image.h>

const char *image_format_name(enum image_format format)
{
    return format == IMAGE_PNG ? "png" : format == IMAGE_JPEG ? "jpeg" : "unknown";
}

const char *image_warning_sentence(enum image_warning bit)
{
    switch (bit) {
    case IMAGE_WARNING_RESCALED:
        return "The image has 16 bits a sample; they were stretched to 8 bits between its minimum and "
               "maximum.";
    case IMAGE_WARNING_ALPHA:
        return "The image has transparency; it was dropped and the colours beneath were used.";
    case IMAGE_WARNING_ROTATION:
        return "The image asks to be rotated or mirrored (EXIF orientation); it was read as stored.";
    case IMAGE_WARNING_ANIMATION:
        return "The image is animated; only its default picture was read.";
    case IMAGE_WARNING_LOOSE:
        return "The JPEG file breaks a rule of its standard that leaves the pixels as they are: padding "
               "before "
               "a marker, a JFIF or Adobe version that does not exist, or parameters of another kind of "
               "scan.";
    case IMAGE_WARNING_END:
        break;
    }
    return "";
}

static bool begins_with(struct bytes encoded, const void *signature, size_t size)
{
    size_t common = encoded.size < size ? encoded.size : size;
    return common && !memcmp(encoded.data, signature, common);
}

enum image_format image_sniff(struct bytes encoded)
{
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    static const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF};
    return begins_with(encoded, png, sizeof png)     ? IMAGE_PNG
           : begins_with(encoded, jpeg, sizeof jpeg) ? IMAGE_JPEG
                                                     : IMAGE_UNKNOWN;
}

enum status image_size_check(uint32_t width, uint32_t height, struct failure *failure)
{
    if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX || (uint64_t)width * height > IMAGE_PIXELS_MAX)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "The image is %u x %u pixels; sides may be %d to %d pixels and the whole at most "
                           "%u megapixels.",
                           width, height, IMAGE_SIDE_MIN, IMAGE_SIDE_MAX, IMAGE_PIXELS_MAX / 1000000);
    if (width < IMAGE_SIDE_MIN || height < IMAGE_SIDE_MIN)
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The image is too small: %u x %u pixels; each side needs at least %d.", width,
                           height, IMAGE_SIDE_MIN);
    return STATUS_OK;
}

/* 16-bit samples to RGB: stretched between the extremes of all colour samples. A constant image turns black;
 * image_prepare refuses it. */
static void rgb_from_16_bits(const uint16_t *samples, size_t pixels, unsigned channels, uint8_t *out)
{
    unsigned colours = channels >= 3 ? 3 : 1;
    uint16_t minimum = UINT16_MAX, maximum = 0;
    for (size_t i = 0; i < pixels; i++)
        for (unsigned c = 0; c < colours; c++) {
            uint16_t sample = samples[i * channels + c];
            minimum = sample < minimum ? sample : minimum;
            maximum = sample > maximum ? sample : maximum;
        }
    uint8_t *table = memory_allocate(UINT16_MAX + 1, 1);
    for (unsigned v = minimum; minimum < maximum && v <= maximum; v++)
        table[v] = (uint8_t)((double)(v - minimum) / (maximum - minimum) * 255.0);
    for (size_t i = 0; i < pixels; i++)
        for (unsigned c = 0; c < 3; c++)
            out[3 * i + c] = table[samples[i * channels + (colours == 3 ? c : 0)]];
    free(table);
}

/* 8-bit samples to RGB: grey three times, and no alpha. */
static void rgb_from_8_bits(const uint8_t *samples, size_t pixels, unsigned channels, uint8_t *out)
{
    if (channels == 3)
        memcpy(out, samples, 3 * pixels);
    else if (channels == 4)
        for (size_t i = 0; i < pixels; i++, samples += 4)
            for (unsigned c = 0; c < 3; c++)
                out[3 * i + c] = samples[c];
    else
        for (size_t i = 0; i < pixels; i++, samples += channels)
            out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = *samples;
}

static enum status decode_png(struct bytes encoded, uint8_t *room, struct failure *failure,
                              struct image_info *info, uint8_t **out)
{
    struct buffer clean = {0};
    enum status status = png_inspect(encoded, failure, info, &clean, &decoder_memory.limit);
    if (status)
        return status;
    int width = 0, height = 0, channels = 0;
    size_t count = (size_t)info->width * info->height;
    uint8_t *pixels = NULL;
    decoder_memory.used = 0;
    if (info->bits <= 8) {
        uint8_t *samples = stbi_load_from_memory(clean.data, (int)clean.size, &width, &height, &channels, 0);
        if (samples) {
            pixels = room ? room : memory_allocate(count, 3);
            rgb_from_8_bits(samples, count, (unsigned)channels, pixels);
        }
        free(samples);
    } else {
        uint16_t *samples =
            stbi_load_16_from_memory(clean.data, (int)clean.size, &width, &height, &channels, 0);
        if (samples) {
            pixels = room ? room : memory_allocate(count, 3);
            rgb_from_16_bits(samples, count, (unsigned)channels, pixels);
        }
        free(samples);
    }
    buffer_finish(&clean);
    if (!pixels)
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The PNG file is damaged: its image data cannot be decoded. Export it again.");
    assert((uint32_t)width == info->width && (uint32_t)height == info->height);
    *out = pixels;
    return STATUS_OK;
}

enum status image_decode(struct bytes encoded, struct failure *failure, struct image *out,
                         struct image_info *info)
{
    return image_decode_into(encoded, NULL, failure, out, info);
}

enum status image_decode_into(struct bytes encoded, uint8_t *room, struct failure *failure, struct image *out,
                              struct image_info *info)
{
    *info = (struct image_info){.format = image_sniff(encoded)};
    if (encoded.size == 0)
        return failure_set(failure, STATUS_UNPROCESSABLE, "The image is empty: it has 0 bytes.");
    if (encoded.size > INT32_MAX)
        return failure_set(failure, STATUS_TOO_LARGE, "The image file is over 2 GiB.");
    uint8_t *pixels = NULL;
    enum status status;
    switch (info->format) {
    case IMAGE_PNG:
        status = decode_png(encoded, room, failure, info, &pixels);
        break;
    case IMAGE_JPEG:
        status = image_decode_jpeg(encoded, room, failure, info, &pixels);
        break;
    default:
        status = failure_set(failure, STATUS_UNSUPPORTED_MEDIA,
                             "The file is neither a PNG nor a JPEG image, the formats supported here.");
    }
    if (status == STATUS_OK)
        *out = (struct image){info->width, info->height, pixels};
    return status;
}

void image_finish(struct image *image)
{
    free(image->pixels);
    *image = (struct image){0};
}
