#include "engine/image/container.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

enum { COLOUR_GREY = 0, COLOUR_RGB = 2, COLOUR_PALETTE = 3, COLOUR_GREY_ALPHA = 4, COLOUR_RGB_ALPHA = 6 };
enum { SIGNATURE_BYTES = 8, CHUNK_OVERHEAD = 12, IHDR_BYTES = 13, PALETTE_BYTES = 3 * 256 };

struct png {
    uint32_t width, height, depth, colour;
    bool interlaced;
    bool has_palette, has_transparency;
    uint8_t palette[PALETTE_BYTES]; /* entries the file lacks stay black */
    size_t idat_bytes;
};

struct chunk {
    char name[5];
    struct bytes data;
};

static enum status damaged(struct failure *failure, const char *what)
{
    return failure_set(failure, STATUS_UNPROCESSABLE, "The PNG file is damaged: %s. Export it again.", what);
}

/* Reads the chunk at *offset and moves past it. */
static enum status chunk_read(struct bytes encoded, size_t *offset, struct failure *failure,
                              struct chunk *out)
{
    size_t left = encoded.size - *offset;
    const uint8_t *at = encoded.data + *offset;
    if (left < CHUNK_OVERHEAD || read_u32(at) > left - CHUNK_OVERHEAD)
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The PNG file is truncated: it ends before its IEND chunk. Send the whole file.");
    size_t size = read_u32(at);
    for (int i = 0; i < 4; i++) {
        char letter = (char)at[4 + i];
        if (!((letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z')))
            return damaged(failure, "a chunk has no valid name");
        out->name[i] = letter;
    }
    out->name[4] = '\0';
    if (crc32_z(0, at + 4, 4 + size) != read_u32(at + 8 + size))
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The PNG file is damaged: the checksum of its %s chunk does not match. "
                           "Export it again.",
                           out->name);
    out->data = (struct bytes){at + 8, size};
    *offset += CHUNK_OVERHEAD + size;
    return STATUS_OK;
}

static uint32_t stored_channels(uint32_t colour)
{
    return colour == COLOUR_RGB_ALPHA ? 4 : colour == COLOUR_RGB ? 3 : colour == COLOUR_GREY_ALPHA ? 2 : 1;
}

static bool depth_fits(uint32_t colour, uint32_t depth)
{
    switch (colour) {
    case COLOUR_GREY:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case COLOUR_PALETTE:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case COLOUR_RGB:
    case COLOUR_GREY_ALPHA:
    case COLOUR_RGB_ALPHA:
        return depth == 8 || depth == 16;
    }
    return false;
}

static enum status header_read(struct bytes data, struct failure *failure, struct png *png)
{
    if (data.size != IHDR_BYTES)
        return damaged(failure, "its header has a wrong length");
    png->width = read_u32(data.data);
    png->height = read_u32(data.data + 4);
    png->depth = data.data[8];
    png->colour = data.data[9];
    png->interlaced = data.data[12] == 1;
    if (!depth_fits(png->colour, png->depth) || data.data[10] || data.data[11] || data.data[12] > 1)
        return damaged(failure, "its header names a format that does not exist");
    return STATUS_OK;
}

/* Bytes of the filtered rows that IDAT inflates to; Adam7's seven passes when interlaced. */
static size_t raw_bytes(const struct png *png)
{
    static const struct {
        uint8_t x, y, step_x, step_y;
    } passes[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                  {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}, {0, 0, 1, 1}};
    size_t total = 0, bits = (size_t)stored_channels(png->colour) * png->depth;
    for (size_t i = png->interlaced ? 0 : 7, end = png->interlaced ? 7 : 8; i < end; i++) {
        size_t columns = (png->width - passes[i].x + passes[i].step_x - 1) / passes[i].step_x;
        size_t rows = (png->height - passes[i].y + passes[i].step_y - 1) / passes[i].step_y;
        total += (1 + (columns * bits + 7) / 8) * rows;
    }
    return total;
}

/* Room for the decoder: the compressed and the inflated data (both grow by doubling), the image before and
 * after de-interlacing, and the RGB of a palette's. A stream that inflates to more than the header
 * promises runs out of it. */
static size_t budget_of(const struct png *png)
{
    size_t pixels = (size_t)png->width * png->height;
    size_t sample_bytes = png->depth == 16 ? 2 : 1;
    return 2 * png->idat_bytes + 2 * raw_bytes(png) +
           pixels * (2 * stored_channels(png->colour) * sample_bytes + 3) + (1 << 20);
}

static enum status chunk_take(const struct chunk *chunk, struct failure *failure, struct png *png,
                              struct image_info *info)
{
    if (!strcmp(chunk->name, "PLTE")) {
        if (png->has_palette || png->idat_bytes || chunk->data.size > PALETTE_BYTES || chunk->data.size % 3 ||
            chunk->data.size == 0)
            return damaged(failure, "its palette is not valid");
        memcpy(png->palette, chunk->data.data, chunk->data.size);
        png->has_palette = true;
    } else if (!strcmp(chunk->name, "IDAT")) {
        if (png->colour == COLOUR_PALETTE && !png->has_palette)
            return damaged(failure, "its palette is missing");
        png->idat_bytes += chunk->data.size;
    } else if (!strcmp(chunk->name, "tRNS")) {
        png->has_transparency = true;
    } else if (!strcmp(chunk->name, "eXIf")) {
        if (exif_is_rotated(chunk->data))
            info->warnings |= IMAGE_WARNING_ROTATION;
    } else if (!strcmp(chunk->name, "acTL")) {
        info->warnings |= IMAGE_WARNING_ANIMATION;
    } else if (chunk->name[0] >= 'A' && chunk->name[0] <= 'Z') {
        return damaged(failure, "it needs a chunk that does not exist in the standard");
    }
    return STATUS_OK;
}

static uint8_t *put(uint8_t *at, const void *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}

static uint8_t *put_chunk_head(uint8_t *at, const char *name, size_t size)
{
    uint8_t length[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
    return put(put(at, length, 4), name, 4);
}

/* The chunks' checksums are left zero: they were checked, and the decoder skips them. */
static void clean_write(struct bytes encoded, const struct png *png, struct buffer *out)
{
    size_t size = SIGNATURE_BYTES + 4 * CHUNK_OVERHEAD + IHDR_BYTES + PALETTE_BYTES + png->idat_bytes;
    uint8_t *start = memory_allocate(size, 1);
    uint8_t *to = put(start, encoded.data, SIGNATURE_BYTES + CHUNK_OVERHEAD + IHDR_BYTES);
    if (png->colour == COLOUR_PALETTE)
        to = put(put_chunk_head(to, "PLTE", PALETTE_BYTES), png->palette, PALETTE_BYTES) + 4;
    to = put_chunk_head(to, "IDAT", png->idat_bytes);
    size_t left = png->idat_bytes;
    for (size_t at = SIGNATURE_BYTES; left;) {
        size_t chunk_size = read_u32(encoded.data + at);
        if (!memcmp(encoded.data + at + 4, "IDAT", 4)) {
            to = put(to, encoded.data + at + 8, chunk_size);
            left -= chunk_size;
        }
        at += CHUNK_OVERHEAD + chunk_size;
    }
    to = put_chunk_head(to + 4, "IEND", 0) + 4;
    assert((size_t)(to - start) <= size);
    *out = (struct buffer){.data = start, .size = (size_t)(to - start), .capacity = size, .maximum = size};
}

static void info_fill(const struct png *png, struct image_info *info)
{
    bool alpha = png->has_transparency || png->colour == COLOUR_GREY_ALPHA || png->colour == COLOUR_RGB_ALPHA;
    bool grey = png->colour == COLOUR_GREY || png->colour == COLOUR_GREY_ALPHA;
    info->bits = png->depth;
    info->channels = (grey ? 1u : 3u) + alpha;
    if (alpha)
        info->warnings |= IMAGE_WARNING_ALPHA;
    if (png->depth == 16)
        info->warnings |= IMAGE_WARNING_RESCALED;
}

enum status png_inspect(struct bytes encoded, struct failure *failure, struct image_info *info,
                        struct buffer *clean, size_t *budget)
{
    struct png png = {0};
    struct chunk chunk = {0};
    size_t offset = encoded.size < SIGNATURE_BYTES ? encoded.size : SIGNATURE_BYTES;
    enum status status = chunk_read(encoded, &offset, failure, &chunk);
    if (status)
        return status;
    if (strcmp(chunk.name, "IHDR"))
        return damaged(failure, "it does not begin with a header");
    if ((status = header_read(chunk.data, failure, &png)))
        return status;
    info->width = png.width;
    info->height = png.height;
    if ((status = image_size_check(png.width, png.height, failure)))
        return status;
    while ((status = chunk_read(encoded, &offset, failure, &chunk)) == STATUS_OK &&
           strcmp(chunk.name, "IEND"))
        if ((status = chunk_take(&chunk, failure, &png, info)))
            return status;
    if (status)
        return status;
    /* Incompressible pixels grow by less than a thousandth; twice the size is no image any more. */
    if (png.idat_bytes == 0 || png.idat_bytes > 2 * raw_bytes(&png) + (1 << 16))
        return damaged(failure, "its image data do not fit its size");
    info_fill(&png, info);
    *budget = budget_of(&png);
    clean_write(encoded, &png, clean);
    return STATUS_OK;
}
