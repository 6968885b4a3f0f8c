#include "engine/image/container.h"

#include <string.h>
#include <zlib.h>

struct chunk {
    char name[5];
    struct bytes data;
};

enum status png_damaged(struct failure *failure, const char *what)
{
    return failure_set(failure, STATUS_UNPROCESSABLE, "The PNG file is damaged: %s. Export it again.", what);
}

/* Reads the chunk at *offset and moves past it. */
static enum status chunk_read(struct bytes encoded, size_t *offset, struct failure *failure,
                              struct chunk *out)
{
    size_t left = encoded.size - *offset;
    const uint8_t *at = encoded.data + *offset;
    if (left < PNG_CHUNK_OVERHEAD || read_u32(at) > left - PNG_CHUNK_OVERHEAD)
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The PNG file is truncated: it ends before its IEND chunk. Send the whole file.");
    size_t size = read_u32(at);
    for (int i = 0; i < 4; i++) {
        char letter = (char)at[4 + i];
        if (!((letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z')))
            return png_damaged(failure, "a chunk has no valid name");
        out->name[i] = letter;
    }
    out->name[4] = '\0';
    if (crc32_z(0, at + 4, 4 + size) != read_u32(at + 8 + size))
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The PNG file is damaged: the checksum of its %s chunk does not match. "
                           "Export it again.",
                           out->name);
    out->data = (struct bytes){at + 8, size};
    *offset += PNG_CHUNK_OVERHEAD + size;
    return STATUS_OK;
}

uint32_t png_channels(const struct png *png)
{
    switch (png->colour) {
    case PNG_RGB_ALPHA:
        return 4;
    case PNG_RGB:
        return 3;
    case PNG_GREY_ALPHA:
        return 2;
    default:
        return 1;
    }
}

static bool depth_fits(uint32_t colour, uint32_t depth)
{
    switch (colour) {
    case PNG_GREY:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case PNG_PALETTE:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case PNG_RGB:
    case PNG_GREY_ALPHA:
    case PNG_RGB_ALPHA:
        return depth == 8 || depth == 16;
    }
    return false;
}

static enum status header_read(struct bytes data, struct failure *failure, struct png *png)
{
    if (data.size != PNG_HEADER_BYTES)
        return png_damaged(failure, "its header has a wrong length");
    png->width = read_u32(data.data);
    png->height = read_u32(data.data + 4);
    png->depth = data.data[8];
    png->colour = data.data[9];
    png->interlaced = data.data[12] == 1;
    if (!depth_fits(png->colour, png->depth) || data.data[10] || data.data[11] || data.data[12] > 1)
        return png_damaged(failure, "its header names a format that does not exist");
    return STATUS_OK;
}

/* Bytes of the filtered rows that IDAT inflates to; Adam7's seven passes when interlaced (section 8). */
static size_t rows_measure(const struct png *png)
{
    static const struct {
        uint8_t x, y, step_x, step_y;
    } passes[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                  {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}, {0, 0, 1, 1}};
    size_t total = 0, bits = (size_t)png_channels(png) * png->depth;
    for (size_t i = png->interlaced ? 0 : 7, end = png->interlaced ? 7 : 8; i < end; i++) {
        size_t columns = (png->width - passes[i].x + passes[i].step_x - 1) / passes[i].step_x;
        size_t rows = (png->height - passes[i].y + passes[i].step_y - 1) / passes[i].step_y;
        total += (1 + (columns * bits + 7) / 8) * rows;
    }
    return total;
}

static enum status chunk_take(const struct chunk *chunk, struct failure *failure, struct png *png,
                              struct image_info *info)
{
    if (!strcmp(chunk->name, "PLTE")) {
        if (png->has_palette || png->data_bytes || chunk->data.size > PNG_PALETTE_BYTES ||
            chunk->data.size % 3 || chunk->data.size == 0)
            return png_damaged(failure, "its palette is not valid");
        memcpy(png->palette, chunk->data.data, chunk->data.size);
        png->has_palette = true;
    } else if (!strcmp(chunk->name, "IDAT")) {
        if (png->colour == PNG_PALETTE && !png->has_palette)
            return png_damaged(failure, "its palette is missing");
        png->data_bytes += chunk->data.size;
    } else if (!strcmp(chunk->name, "tRNS")) {
        png->has_transparency = true;
    } else if (!strcmp(chunk->name, "eXIf")) {
        if (exif_is_rotated(chunk->data))
            info->warnings |= IMAGE_WARNING_ROTATION;
    } else if (!strcmp(chunk->name, "acTL")) {
        info->warnings |= IMAGE_WARNING_ANIMATION;
    } else if (chunk->name[0] >= 'A' && chunk->name[0] <= 'Z') {
        return png_damaged(failure, "it needs a chunk that does not exist in the standard");
    }
    return STATUS_OK;
}

static void info_fill(const struct png *png, struct image_info *info)
{
    bool alpha = png->has_transparency || png->colour == PNG_GREY_ALPHA || png->colour == PNG_RGB_ALPHA;
    bool grey = png->colour == PNG_GREY || png->colour == PNG_GREY_ALPHA;
    info->bits = png->depth;
    info->channels = (grey ? 1u : 3u) + alpha;
    if (alpha)
        info->warnings |= IMAGE_WARNING_ALPHA;
    if (png->depth == 16)
        info->warnings |= IMAGE_WARNING_RESCALED;
}

enum status png_inspect(struct bytes encoded, struct failure *failure, struct image_info *info,
                        struct png *out)
{
    struct png png = {0};
    struct chunk chunk = {0};
    size_t offset = encoded.size < PNG_SIGNATURE_BYTES ? encoded.size : PNG_SIGNATURE_BYTES;
    enum status status = chunk_read(encoded, &offset, failure, &chunk);
    if (status)
        return status;
    if (strcmp(chunk.name, "IHDR"))
        return png_damaged(failure, "it does not begin with a header");
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
    png.raw_bytes = rows_measure(&png);
    /* Incompressible pixels grow by less than a thousandth; twice the size is no image any more. */
    if (!png.data_bytes || png.data_bytes > 2 * png.raw_bytes + (1 << 16))
        return png_damaged(failure, "its image data do not fit its size");
    info_fill(&png, info);
    image_note_rest((struct bytes){encoded.data + offset, encoded.size - offset}, info);
    *out = png;
    return STATUS_OK;
}
