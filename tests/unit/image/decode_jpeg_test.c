#include "tests/unit/image/jpeg_bytes.h"

static void segment_repeated_refused(struct bytes jpeg, uint8_t marker, size_t count, const char *words)
{
    size_t at = segment_find(jpeg, marker), size = segment_size(jpeg, at);
    if (marker == SOS) /* with its data, to the end-of-image marker or the next segment */
        for (; !(jpeg.data[at + size] == 0xFF && jpeg.data[at + size + 1] != 0); size++)
            ;
    struct buffer bad = spliced(jpeg, at, 0, (struct bytes){jpeg.data + at, size}, count);
    decode_refused((struct bytes){bad.data, bad.size}, STATUS_UNPROCESSABLE, words);
    buffer_finish(&bad);
}

static void repeated_refused(const char *name, uint8_t marker, size_t count, const char *words)
{
    struct bytes jpeg = sample_read(name);
    segment_repeated_refused(jpeg, marker, count, words);
    sample_free(jpeg);
}

/* A frame of three components with a scan of the first alone. */
static struct buffer one_of_three_colours(void)
{
    struct bytes grey = sample_read("grey_baseline.jpg");
    static const uint8_t more[] = {2, 0x11, 0, 3, 0x11, 0};
    size_t frame = segment_find(grey, SOF0);
    struct buffer out =
        spliced(grey, frame + segment_size(grey, frame), 0, (struct bytes){more, sizeof more}, 1);
    out.data[frame + 3] += sizeof more;
    out.data[frame + 9] = 3;
    sample_free(grey);
    return out;
}

/* A scan made many. Progressive scans refine each other, so that a second one alike is damage; scans of one
 * colour of several may be repeated without end, and in a file whose one scan holds all, no second has a
 * place. */
START_TEST(scan_bombs_are_refused)
{
    repeated_refused("grey_progressive.jpg", SOS, 40, "damaged");
    repeated_refused("colour_420_progressive.jpg", SOS, 1000, "damaged");
    repeated_refused("grey_baseline.jpg", SOS, 1, "damaged");
    struct buffer jpeg = one_of_three_colours();
    segment_repeated_refused((struct bytes){jpeg.data, jpeg.size}, SOS, 40, "more scans");
    buffer_finish(&jpeg);
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
    patched_refused(SOF0, 1, 0xC5, STATUS_UNSUPPORTED_MEDIA, "hierarchical");
    patched_refused(SOF0, 1, 0xC9, STATUS_UNSUPPORTED_MEDIA, "arithmetic");
    patched_refused(SOF0, 3, 16, STATUS_UNPROCESSABLE, "headers");
    patched_refused(SOF0, 11, 0x51, STATUS_UNPROCESSABLE, "headers");
    patched_refused(SOF0, 11, 0x10, STATUS_UNPROCESSABLE, "headers");
    patched_refused(SOF0, 12, 3, STATUS_UNPROCESSABLE, "image data");
    patched_refused(SOF0, 5, 200, STATUS_TOO_LARGE, "51275");
    patched_refused(SOF0, 5, 255, STATUS_TOO_LARGE, "65355");
    patched_refused(SOF0, 6, 3, STATUS_UNPROCESSABLE, "too small");
    patched_refused(DHT, 4, 0x22, STATUS_UNPROCESSABLE, "headers");
    patched_refused(DHT, 10, 255, STATUS_UNPROCESSABLE, "headers");
    patched_refused(DHT, 3, 18, STATUS_UNPROCESSABLE, "damaged");
    patched_refused(DHT, 0, 0x7F, STATUS_UNPROCESSABLE, "belong to nothing");
    patched_refused(SOF0, 1, 0xF7, STATUS_UNSUPPORTED_MEDIA, "JPEG-LS");
    patched_refused(DQT, 4, 0x05, STATUS_UNPROCESSABLE, "headers");
    patched_refused(DQT, 4, 0x10, STATUS_UNPROCESSABLE, "headers");
    patched_refused(SOS, 4, 4, STATUS_UNPROCESSABLE, "headers");
    patched_refused(SOS, 5, 77, STATUS_UNPROCESSABLE, "headers");
    patched_refused(SOS, 6, 0x33, STATUS_UNPROCESSABLE, "image data");
    patched_refused(DQT, 1, 0x01, STATUS_UNPROCESSABLE, "belong to nothing");
    patched_refused(DQT, 0, 0, STATUS_UNPROCESSABLE, "belong to nothing");
}
END_TEST

/* Cb three times as wide as Cr, against twice for the luma. */
START_TEST(fractional_sampling_is_refused)
{
    struct bytes jpeg = sample_read("colour_420.jpg");
    ((uint8_t *)jpeg.data)[segment_find(jpeg, SOF0) + 14] = 0x31;
    decode_refused(jpeg, STATUS_UNSUPPORTED_MEDIA, "subsampled");
    sample_free(jpeg);
}
END_TEST

/* What was read of a header is told although the image is refused. */
START_TEST(header_is_known_of_refused_images)
{
    struct bytes cmyk = sample_read("cmyk.jpg");
    struct failure failure;
    struct image image;
    struct image_info info;
    ck_assert_int_eq(image_decode(cmyk, &failure, &image, &info), STATUS_UNSUPPORTED_MEDIA);
    ck_assert_int_eq(info.format, IMAGE_JPEG);
    ck_assert_uint_eq(info.width, 90);
    ck_assert_uint_eq(info.height, 75);
    ck_assert_uint_eq(info.channels, 4);
    sample_free(cmyk);
}
END_TEST

/* A stray marker, and the rest of the data cut out, at 20 places of the compressed data: both leave the
 * decoder short of codes. */
START_TEST(damage_inside_a_scan_is_refused)
{
    static const char *const names[] = {"grey_baseline.jpg", "grey_progressive.jpg", "colour_420.jpg",
                                        "colour_444.jpg"};
    static const uint8_t restart[] = {0xFF, 0xD3};
    struct bytes jpeg = sample_read(names[_i]);
    size_t scan = segment_find(jpeg, SOS), start = scan + segment_size(jpeg, scan);
    for (size_t place = 1; place <= 20; place++) {
        size_t at = start + (jpeg.size - start) * place / 22;
        struct buffer marked = spliced(jpeg, at, 0, (struct bytes){restart, sizeof restart}, 1);
        struct buffer cut = spliced(jpeg, at, jpeg.size - 2 - at, (struct bytes){0}, 0);
        decode_refused((struct bytes){marked.data, marked.size}, STATUS_UNPROCESSABLE, "The JPEG file is");
        decode_refused((struct bytes){cut.data, cut.size}, STATUS_UNPROCESSABLE, "The JPEG file is");
        buffer_finish(&marked);
        buffer_finish(&cut);
    }
    sample_free(jpeg);
}
END_TEST

START_TEST(missing_colour_is_refused)
{
    struct buffer jpeg = one_of_three_colours();
    decode_refused((struct bytes){jpeg.data, jpeg.size}, STATUS_UNPROCESSABLE, "one of its colours");
    buffer_finish(&jpeg);
}
END_TEST

START_TEST(frame_without_scan_is_refused)
{
    struct bytes jpeg = sample_read("grey_baseline.jpg");
    size_t at = segment_find(jpeg, SOS);
    struct buffer bad = spliced(jpeg, at, jpeg.size - at, (struct bytes){(const uint8_t *)"\xFF\xD9", 2}, 1);
    decode_refused((struct bytes){bad.data, bad.size}, STATUS_UNPROCESSABLE, "damaged");
    buffer_finish(&bad);
    sample_free(jpeg);
}
END_TEST

/* A file whose writer closed it after any number of its scans: the picture would be a coarse one. */
START_TEST(missing_last_scans_are_refused)
{
    static const char *const names[] = {"grey_progressive.jpg", "colour_420_progressive.jpg",
                                        "colour_444_progressive.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bytes jpeg = sample_read(names[i]);
        size_t scans = 0;
        for (size_t at = segment_find(jpeg, SOS) + 1; at + 1 < jpeg.size; at++) {
            if (jpeg.data[at] != 0xFF || jpeg.data[at + 1] != SOS)
                continue;
            struct buffer cut =
                spliced(jpeg, at, jpeg.size - at, (struct bytes){(const uint8_t *)"\xFF\xD9", 2}, 1);
            decode_refused((struct bytes){cut.data, cut.size}, STATUS_UNPROCESSABLE, "scan");
            buffer_finish(&cut);
            scans++;
        }
        ck_assert_uint_gt(scans, 3);
        sample_free(jpeg);
    }
}
END_TEST

START_TEST(fill_bytes_are_allowed)
{
    struct bytes jpeg = sample_read("grey_baseline.jpg");
    struct buffer longer =
        spliced(jpeg, segment_find(jpeg, SOF0), 0, (struct bytes){(const uint8_t *)"\xFF", 1}, 3);
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

START_TEST(what_follows_the_image_is_told_unless_it_is_padding)
{
    static const char *const names[] = {"grey_baseline.jpg", "grey_progressive.jpg", "colour_420.jpg"};
    struct bytes jpeg = sample_read(names[_i]);
    rest_is_told(jpeg);
    sample_free(jpeg);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {scan_bombs_are_refused,
                            second_frame_is_refused,
                            bad_fields_are_refused,
                            fractional_sampling_is_refused,
                            header_is_known_of_refused_images,
                            damage_inside_a_scan_is_refused,
                            missing_colour_is_refused,
                            missing_last_scans_are_refused,
                            frame_without_scan_is_refused,
                            fill_bytes_are_allowed,
                            what_follows_the_image_is_told_unless_it_is_padding};
    size_t loops[] = {1, 1, 1, 1, 1, 4, 1, 1, 1, 1, 3};
    return run_cases("image/decode_jpeg", tests, loops, 11);
}
