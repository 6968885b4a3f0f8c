#include "tests/unit/image/support.h"

enum { DHT = 0xC4, SOF0 = 0xC0, SOF2 = 0xC2, SOS = 0xDA, DQT = 0xDB };

/* Offset of the marker, from the segments' lengths up to the first scan. */
static size_t segment_find(struct bytes jpeg, uint8_t marker)
{
    for (size_t at = 2; at + 4 <= jpeg.size; at += 2 + ((size_t)jpeg.data[at + 2] << 8 | jpeg.data[at + 3]))
        if (jpeg.data[at + 1] == marker)
            return at;
    ck_abort_msg("no marker %x", marker);
    return 0;
}

/* `jpeg` with [at, at + size) replaced by `count` copies of `with`. */
static struct buffer spliced(struct bytes jpeg, size_t at, size_t size, struct bytes with, size_t count)
{
    struct buffer out = {.maximum = 1 << 24};
    bool fits = buffer_append(&out, jpeg.data, at);
    for (size_t i = 0; i < count; i++)
        fits = fits && buffer_append(&out, with.data, with.size);
    ck_assert(fits && buffer_append(&out, jpeg.data + at + size, jpeg.size - at - size));
    return out;
}

static size_t segment_size(struct bytes jpeg, size_t at)
{
    return 2 + ((size_t)jpeg.data[at + 2] << 8 | jpeg.data[at + 3]);
}

static void repeated_refused(const char *name, uint8_t marker, size_t count, const char *words)
{
    struct bytes jpeg = sample_read(name);
    size_t at = segment_find(jpeg, marker), size = segment_size(jpeg, at);
    if (marker == SOS) /* with its data, to the end-of-image marker or the next segment */
        for (; !(jpeg.data[at + size] == 0xFF && jpeg.data[at + size + 1] != 0); size++)
            ;
    struct buffer bad = spliced(jpeg, at, 0, (struct bytes){jpeg.data + at, size}, count);
    decode_refused((struct bytes){bad.data, bad.size}, STATUS_UNPROCESSABLE, words);
    buffer_finish(&bad);
    sample_free(jpeg);
}

START_TEST(scan_bombs_are_refused)
{
    repeated_refused("grey_progressive.jpg", SOS, 40, "more scans");
    repeated_refused("colour_420_progressive.jpg", SOS, 1000, "more scans");
    repeated_refused("grey_baseline.jpg", SOS, 1, "more scans");
}
END_TEST

START_TEST(second_frame_is_refused)
{
    repeated_refused("grey_baseline.jpg", SOF0, 1, "more than one frame");
    repeated_refused("grey_progressive.jpg", SOF2, 1, "more than one frame");
}
END_TEST

static void patched_refused(uint8_t marker, size_t offset, uint8_t value, enum status expected,
                            const char *words)
{
    struct bytes jpeg = sample_read("colour_444.jpg");
    ((uint8_t *)jpeg.data)[segment_find(jpeg, marker) + offset] = value;
    decode_refused(jpeg, expected, words);
    sample_free(jpeg);
}

/* Offsets from the marker: 2 length, 4 body. A frame's body: precision, height, width, components. */
START_TEST(bad_fields_are_refused)
{
    patched_refused(SOF0, 4, 12, STATUS_UNSUPPORTED_MEDIA, "12-bit");
    patched_refused(SOF0, 1, 0xC3, STATUS_UNSUPPORTED_MEDIA, "Lossless");
    patched_refused(SOF0, 1, 0xC9, STATUS_UNSUPPORTED_MEDIA, "arithmetic");
    patched_refused(SOF0, 3, 16, STATUS_UNPROCESSABLE, "frame header");
    patched_refused(SOF0, 11, 0x51, STATUS_UNPROCESSABLE, "frame header");
    patched_refused(SOF0, 11, 0x10, STATUS_UNPROCESSABLE, "frame header");
    patched_refused(SOF0, 12, 9, STATUS_UNPROCESSABLE, "frame header");
    patched_refused(SOF0, 12, 3, STATUS_UNPROCESSABLE, "table that is missing");
    patched_refused(SOF0, 5, 200, STATUS_TOO_LARGE, "51275");
    patched_refused(SOF0, 6, 3, STATUS_UNPROCESSABLE, "too small");
    patched_refused(DHT, 4, 0x22, STATUS_UNPROCESSABLE, "Huffman table is not valid");
    patched_refused(DHT, 10, 255, STATUS_UNPROCESSABLE, "Huffman table");
    patched_refused(DHT, 3, 18, STATUS_UNPROCESSABLE, "damaged");
    patched_refused(DQT, 4, 0x05, STATUS_UNPROCESSABLE, "quantisation table");
    patched_refused(DQT, 4, 0x10, STATUS_UNPROCESSABLE, "quantisation table");
    patched_refused(SOS, 4, 4, STATUS_UNPROCESSABLE, "scan header");
    patched_refused(SOS, 5, 77, STATUS_UNPROCESSABLE, "scan header");
    patched_refused(SOS, 6, 0x33, STATUS_UNPROCESSABLE, "table that is missing");
    patched_refused(SOS, 7, 1, STATUS_UNPROCESSABLE, "one of its colours");
    patched_refused(DQT, 1, 0x01, STATUS_UNPROCESSABLE, "no place");
    patched_refused(DQT, 0, 0, STATUS_UNPROCESSABLE, "where a marker should");
}
END_TEST

/* The decoder adds a table's counts without a bound; 16 counts of 255 would overrun it. */
START_TEST(oversized_huffman_table_is_refused)
{
    uint8_t segment[2 + 2 + 17 + 16 * 255] = {0xFF, DHT, (2 + 17 + 16 * 255) >> 8, (2 + 17 + 16 * 255) & 255};
    memset(segment + 5, 255, 16);
    struct bytes jpeg = sample_read("grey_baseline.jpg");
    struct buffer bad = spliced(jpeg, 2, 0, (struct bytes){segment, sizeof segment}, 1);
    decode_refused((struct bytes){bad.data, bad.size}, STATUS_UNPROCESSABLE, "Huffman table is not valid");
    buffer_finish(&bad);
    sample_free(jpeg);
}
END_TEST

START_TEST(frame_without_scan_is_refused)
{
    struct bytes jpeg = sample_read("grey_baseline.jpg");
    size_t at = segment_find(jpeg, SOS);
    struct buffer bad = spliced(jpeg, at, jpeg.size - at, (struct bytes){(const uint8_t *)"\xFF\xD9", 2}, 1);
    decode_refused((struct bytes){bad.data, bad.size}, STATUS_UNPROCESSABLE, "holds no image");
    buffer_finish(&bad);
    sample_free(jpeg);
}
END_TEST

START_TEST(fill_bytes_and_trailing_bytes_are_allowed)
{
    struct bytes jpeg = sample_read("grey_baseline.jpg");
    struct buffer longer =
        spliced(jpeg, segment_find(jpeg, SOF0), 0, (struct bytes){(const uint8_t *)"\xFF", 1}, 3);
    ck_assert(buffer_append(&longer, "extra", 5));
    struct failure failure = {0};
    struct image image;
    struct image_info info;
    ck_assert_int_eq(image_decode((struct bytes){longer.data, longer.size}, &failure, &image, &info),
                     STATUS_OK);
    image_finish(&image);
    buffer_finish(&longer);
    sample_free(jpeg);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {scan_bombs_are_refused,        second_frame_is_refused,
                            bad_fields_are_refused,        oversized_huffman_table_is_refused,
                            frame_without_scan_is_refused, fill_bytes_and_trailing_bytes_are_allowed};
    return run_cases("image/jpeg_inspect", tests, NULL, 6);
}
