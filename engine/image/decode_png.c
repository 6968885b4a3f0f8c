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

/* Takes the alpha channel out of samples of so many bytes, in place. */
static void alpha_drop(uint8_t *samples, size_t pixels, size_t channels, size_t sample_bytes)
{
    size_t kept = (channels - 1) * sample_bytes, stride = channels * sample_bytes;
    for (size_t i = 1; i < pixels; i++)
        memmove(samples + i * kept, samples + i * stride, kept);
}

static int source_read(void *source, char *out, int size)
{
    return (int)png_source_read(source, (uint8_t *)out, (size_t)size);
}

/* Samples of 16 bits, in this machine's order, or of 8. */
static enum status samples_decode(const struct png *png, struct png_source *source, struct failure *failure,
                                  struct samples *out)
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
    bool alpha = count == 2 || count == 4;
    if (alpha)
        alpha_drop(samples, (size_t)width * (size_t)height, (size_t)count, png->depth == 16 ? 2 : 1);
    *out = (struct samples){
        .channels = count >= 3 ? 3 : 1, .bits = png->depth == 16 ? 16 : 8, .values = samples};
    return STATUS_OK;
}

enum status image_decode_png(struct bytes encoded, uint8_t *room, const struct image_options *options,
                             struct failure *failure, struct image_info *info, struct samples *out)
{
    (void)room; /* the decoder takes memory of its own */
    (void)options;
    struct png png;
    struct png_source source;
    enum status status = png_inspect(encoded, failure, info, &png);
    if (!status)
        status = png_source_init(encoded, &png, failure, &source);
    if (status)
        return status;
    status = samples_decode(&png, &source, failure, out);
    png_source_finish(&source);
    return status;
}
