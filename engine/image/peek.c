#include "engine/image/container.h"

#include <string.h>

/* A segment with a length behind its marker, as libjpeg reads them: frames and tables, application data,
 * comments. It takes other markers for having none, or refuses them. */
static bool has_length(uint8_t marker)
{
    return (marker >= 0xC0 && marker <= 0xCF) || marker == 0xDB || marker == 0xDD ||
           (marker >= 0xE0 && marker <= 0xEF) || marker == 0xFE;
}

uint64_t image_peek_png(struct bytes encoded)
{
    if (encoded.size < 24)
        return 0;
    return (uint64_t)read_u32(encoded.data + 16) << 32 | read_u32(encoded.data + 20);
}

/* The frame header of a JPEG (ISO/IEC 10918-1, annex B): markers are followed by their length up to the first
 * of those that hold the size. 0 where anything else is met: the decoder may find its frame elsewhere. */
uint64_t image_peek_jpeg(struct bytes encoded)
{
    for (size_t at = 2; at + 9 <= encoded.size && encoded.data[at] == 0xFF;) {
        uint8_t marker = encoded.data[at + 1];
        if (marker == 0xFF) { /* filling */
            at++;
            continue;
        }
        if (!has_length(marker))
            return 0;
        bool frame = marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        if (frame)
            return (uint64_t)read_u16(encoded.data + at + 7) << 32 | read_u16(encoded.data + at + 5);
        at += 2 + (size_t)read_u16(encoded.data + at + 2);
    }
    return 0;
}

/* The scans of a JPEG, each of which goes through the whole image, by their markers: at least all there are.
 */
static size_t count_scans(struct bytes encoded)
{
    static const uint8_t marker[] = {0xFF, 0xDA};
    size_t count = 0;
    for (const uint8_t *at = encoded.data, *end = at + encoded.size;
         (at = memmem(at, (size_t)(end - at), marker, sizeof marker)); at += sizeof marker)
        count++;
    return count;
}

uint64_t image_work_jpeg(struct bytes encoded, uint64_t pixels)
{
    enum { USUAL_SCANS = 4 }; /* cost about as much as all else that is done to a pixel */
    size_t scans = count_scans(encoded);
    return scans > USUAL_SCANS ? pixels * scans / USUAL_SCANS : pixels;
}

static uint64_t peek(const struct image_reader *reader, struct bytes encoded)
{
    return reader->decode ? reader->peek(encoded) : 0;
}

void image_peek(struct bytes encoded, uint32_t *width, uint32_t *height)
{
    uint64_t size = peek(image_format_reader(image_sniff(encoded)), encoded);
    *width = (uint32_t)(size >> 32);
    *height = (uint32_t)size;
}

uint64_t image_work(struct bytes encoded)
{
    const struct image_reader *reader = image_format_reader(image_sniff(encoded));
    uint64_t size = peek(reader, encoded), pixels = (size >> 32) * (uint32_t)size;
    if (!pixels)
        return reader->decode ? IMAGE_PIXELS_MAX : 0;
    return reader->work ? reader->work(encoded, pixels) : pixels;
}

bool image_is_large(struct bytes encoded)
{
    return image_work(encoded) > IMAGE_LARGE_WORK;
}
