/* Fuzzes what a request's image goes through: recognition, decode, prepare, overlay. PNG checksums are mended
 * first, or no mutation would get past them. */
#include "engine/image/overlay.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A header may ask for 100 megapixels with no data behind it: that is slow, not a finding. */
enum { AREA_MAX = 1 << 18 };

static uint32_t read_big(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Where byte `place` of all IDAT chunks' data together is; NULL behind their end. */
static uint8_t *data_byte(uint8_t *png, size_t size, size_t place)
{
    for (size_t at = 8; size - at >= 12 && read_big(png + at) <= size - at - 12;
         at += 12 + read_big(png + at)) {
        if (memcmp(png + at + 4, "IDAT", 4) != 0)
            continue;
        if (place < read_big(png + at))
            return png + at + 8 + place;
        place -= read_big(png + at);
    }
    return NULL;
}

/* The checksum behind the compressed pixels. */
static void pixels_mend(uint8_t *png, size_t size)
{
    enum { HEAD_BYTES = 2, INFLATED_MAX = 1 << 22 };
    uint8_t inflated[4096], *byte;
    size_t place = HEAD_BYTES;
    uLong checksum = adler32(0, NULL, 0);
    z_stream stream = {0};
    int result = inflateInit2(&stream, -MAX_WBITS);
    while (result == Z_OK && stream.total_out < INFLATED_MAX) {
        if (!stream.avail_in && (byte = data_byte(png, size, place++))) {
            stream.next_in = byte;
            stream.avail_in = 1;
        }
        stream.next_out = inflated;
        stream.avail_out = sizeof inflated;
        result = inflate(&stream, Z_NO_FLUSH);
        checksum = adler32_z(checksum, inflated, sizeof inflated - stream.avail_out);
    }
    place = HEAD_BYTES + stream.total_in;
    inflateEnd(&stream);
    for (int shift = 24; result == Z_STREAM_END && shift >= 0 && (byte = data_byte(png, size, place));
         place++, shift -= 8)
        *byte = (uint8_t)(checksum >> shift);
}

static void checksums_mend(uint8_t *png, size_t size)
{
    for (size_t at = 8; size - at >= 12;) {
        size_t length = read_big(png + at);
        if (length > size - at - 12)
            return;
        uLong checksum = crc32_z(0, png + at + 4, length + 4);
        for (int i = 0; i < 4; i++)
            png[at + 8 + length + (size_t)i] = (uint8_t)(checksum >> (24 - 8 * i));
        at += 12 + length;
    }
}

/* True when the frame header of a JPEG, or the header of a PNG, is over AREA_MAX; a look, not a parse. */
static bool is_large(const uint8_t *data, size_t size, enum image_format format)
{
    if (format == IMAGE_PNG)
        return size >= 24 && (uint64_t)read_big(data + 16) * read_big(data + 20) > AREA_MAX;
    for (size_t at = 2; at + 9 <= size; at++)
        if (data[at] == 0xFF && data[at + 1] >= 0xC0 && data[at + 1] <= 0xC2 &&
            (uint64_t)(read_big(data + at + 5) >> 16) * (read_big(data + at + 5) & 0xFFFF) > AREA_MAX)
            return true;
    return false;
}

static void use(const struct image *image)
{
    static const struct profile profiles[] = {
        {.name = "chexfound", .min_max = true},
        {.name = "edge", .edge_height = 40, .edge_width = 40, .filter = PROFILE_BILINEAR},
        {.name = "exact", .resize = PROFILE_EXACT}};
    const struct profile *profile = &profiles[image->width % 3];
    const struct target target = {profile, 32, profile->edge_height ? 24 : 32};
    struct failure failure;
    struct frame frame;
    struct region region;
    if (image_prepare(image, &target, &failure, &frame, &region))
        return;
    float weights[4] = {0.1f, 0.2f, 0.3f, 0.4f};
    struct attention_map map = {weights, 2, 2, region};
    struct buffer png = {.maximum = 1 << 24};
    struct image canvas;
    if (region_picture(image, &region, 48, &failure, &canvas) ||
        attention_render(&map, &canvas, NULL, &failure, &png))
        abort();
    image_finish(&canvas);
    buffer_finish(&png);
    frame_finish(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = memory_allocate(size, 1);
    if (size)
        memcpy(copy, data, size);
    struct bytes encoded = {copy, size};
    enum image_format format = image_sniff(encoded);
    if (format == IMAGE_PNG && size > 8) {
        pixels_mend(copy, size);
        checksums_mend(copy, size);
    }
    struct failure failure;
    struct image image;
    struct image_info info;
    uint32_t width, height;
    image_peek(encoded, &width, &height);
    if (!is_large(copy, size, format) && image_decode(encoded, &failure, &image, &info) == STATUS_OK) {
        use(&image);
        image_finish(&image);
    }
    free(copy);
    return 0;
}
