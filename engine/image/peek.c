#include "engine/image/container.h"

/* The frame header of a JPEG (ISO/IEC 10918-1, annex B): markers are followed by their length up to the first
 * of those that hold the size. */
static uint64_t peek_jpeg(struct bytes encoded)
{
    for (size_t at = 2; at + 9 <= encoded.size && encoded.data[at] == 0xFF;) {
        uint8_t marker = encoded.data[at + 1];
        if (marker == 0xFF) { /* filling */
            at++;
            continue;
        }
        bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        if (frame)
            return (uint64_t)read_u16(encoded.data + at + 7) << 32 | read_u16(encoded.data + at + 5);
        at += 2 + (size_t)read_u16(encoded.data + at + 2);
    }
    return 0;
}

void image_peek(struct bytes encoded, uint32_t *width, uint32_t *height)
{
    uint64_t size = 0; /* width << 32 | height */
    enum image_format format = image_sniff(encoded);
    if (format == IMAGE_PNG && encoded.size >= 24)
        size = (uint64_t)read_u32(encoded.data + 16) << 32 | read_u32(encoded.data + 20);
    else if (format == IMAGE_JPEG)
        size = peek_jpeg(encoded);
    *width = (uint32_t)(size >> 32);
    *height = (uint32_t)size;
}

bool image_is_large(struct bytes encoded)
{
    uint32_t width, height;
    image_peek(encoded, &width, &height);
    if (!width && image_sniff(encoded) == IMAGE_JPEG)
        return true; /* what a decoder may find behind strange bytes is not known */
    return (uint64_t)width * height > IMAGE_LARGE_PIXELS;
}
