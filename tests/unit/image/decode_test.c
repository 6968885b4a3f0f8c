#include "tests/unit/image/support.h"

#include <sys/resource.h>

/* The PNGs of files/ and the CRC-32 of Pillow's RGB (of the stretched samples where they have 16 bits). */
static const struct {
    const char *name;
    unsigned bits, channels;
    uint32_t warnings, checksum;
} PNGS[] = {
#include "tests/unit/image/decode_reference.inc"
};
enum { PNG_COUNT = sizeof PNGS / sizeof *PNGS, PNG_WIDTH = 21, PNG_HEIGHT = 19 };

static const struct {
    const char *name;
    unsigned channels;
    uint32_t warnings;
} JPEGS[] = {
    {"grey_baseline", 1, 0},
    {"grey_progressive", 1, 0},
    {"grey_rotated", 1, IMAGE_WARNING_ROTATION},
    {"grey_restarts", 1, 0},
    {"colour_444", 3, 0},
    {"colour_444_progressive", 3, 0},
    {"colour_422", 3, 0},
    {"colour_422_progressive", 3, 0},
    {"colour_420", 3, 0},
    {"colour_420_progressive", 3, 0},
    {"colour_420_odd", 3, 0}, /* sides are odd numbers: the last chroma samples have half a pair */
};
enum { JPEG_COUNT = sizeof JPEGS / sizeof *JPEGS };

static struct image decode_sample(const char *name, struct image_info *info)
{
    struct failure failure = {0};
    struct bytes encoded = sample_read(name);
    struct image image;
    enum status status = image_decode(encoded, &failure, &image, info);
    ck_assert_msg(status == STATUS_OK, "%s: %s", name, failure.sentence);
    sample_free(encoded);
    return image;
}

START_TEST(png_equals_pillow_to_the_bit)
{
    struct image_info info;
    struct image image = decode_sample(PNGS[_i].name, &info);
    ck_assert_int_eq(info.format, IMAGE_PNG);
    ck_assert_uint_eq(image.width, PNG_WIDTH);
    ck_assert_uint_eq(image.height, PNG_HEIGHT);
    ck_assert_uint_eq(info.width, PNG_WIDTH);
    ck_assert_uint_eq(info.height, PNG_HEIGHT);
    ck_assert_uint_eq(info.bits, PNGS[_i].bits);
    ck_assert_msg(info.channels == PNGS[_i].channels, "%s: %u", PNGS[_i].name, info.channels);
    ck_assert_msg(info.warnings == PNGS[_i].warnings, "%s: %x", PNGS[_i].name, info.warnings);
    ck_assert_msg(crc32_z(0, image.pixels, PNG_WIDTH * PNG_HEIGHT * 3) == PNGS[_i].checksum, "%s",
                  PNGS[_i].name);
    image_finish(&image);
    ck_assert_ptr_null(image.pixels);
}
END_TEST

START_TEST(jpeg_equals_pillow_to_the_bit)
{
    char name[64];
    struct image_info info, expected_info;
    snprintf(name, sizeof name, "%s.jpg", JPEGS[_i].name);
    struct image image = decode_sample(name, &info);
    snprintf(name, sizeof name, "%s.expected.png", JPEGS[_i].name);
    struct image expected = decode_sample(name, &expected_info);
    ck_assert_int_eq(info.format, IMAGE_JPEG);
    ck_assert_uint_eq(info.bits, 8);
    ck_assert_uint_eq(info.channels, JPEGS[_i].channels);
    ck_assert_uint_eq(info.warnings, JPEGS[_i].warnings);
    ck_assert_uint_eq(image.width, expected.width);
    ck_assert_uint_eq(image.height, expected.height);
    ck_assert_msg(!memcmp(image.pixels, expected.pixels, (size_t)image.width * image.height * 3), "%s", name);
    image_finish(&image);
    image_finish(&expected);
}
END_TEST

/* Each file at 20 cut points, and without its last byte. */
START_TEST(truncated_files_are_refused)
{
    static const char *const names[] = {"grey8.png", "rgb16_interlaced.png", "grey_baseline.jpg",
                                        "grey_progressive.jpg", "colour_420_progressive.jpg"};
    enum { CUTS = 20 };
    struct bytes whole = sample_read(names[_i]);
    for (size_t cut = 1; cut <= CUTS + 1; cut++) {
        size_t size = cut <= CUTS ? whole.size * cut / (CUTS + 1) : whole.size - 1;
        uint8_t *copy = memory_allocate(size, 1); /* so that a memory checker sees reads past the cut */
        memcpy(copy, whole.data, size);
        decode_refused((struct bytes){copy, size}, STATUS_UNPROCESSABLE, "truncated");
        free(copy);
    }
    sample_free(whole);
}
END_TEST

START_TEST(signature_cut_off_counts_as_truncated)
{
    struct bytes png = sample_read("grey8.png"), jpeg = sample_read("grey_baseline.jpg");
    for (size_t size = 1; size <= 9; size++) {
        decode_refused((struct bytes){png.data, size}, STATUS_UNPROCESSABLE, "PNG file is truncated");
        decode_refused((struct bytes){jpeg.data, size}, STATUS_UNPROCESSABLE, "JPEG file is truncated");
    }
    sample_free(png);
    sample_free(jpeg);
}
END_TEST

START_TEST(what_is_no_image_is_refused)
{
    static const char text[] = "This text was renamed to chest.png.";
    static const uint8_t noise[] = {0xFF, 3, 0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    decode_refused((struct bytes){NULL, 0}, STATUS_UNPROCESSABLE, "empty");
    decode_refused((struct bytes){(const uint8_t *)text, sizeof text - 1}, STATUS_UNSUPPORTED_MEDIA,
                   "The file is plain text, which is not read here; send the picture as PNG or JPEG.");
    decode_refused((struct bytes){noise, sizeof noise}, STATUS_UNSUPPORTED_MEDIA,
                   "The file is of no kind that is known here; send the picture as PNG or JPEG.");
    struct bytes cmyk = sample_read("cmyk.jpg");
    decode_refused(cmyk, STATUS_UNSUPPORTED_MEDIA, "CMYK");
    sample_free(cmyk);
}
END_TEST

static void size_refused(uint32_t width, uint32_t height, enum status expected, const char *words)
{
    struct buffer png = png_constant(width, height, 5, 1000);
    decode_refused((struct bytes){png.data, png.size}, expected, words);
    struct failure failure;
    struct image image;
    struct image_info info;
    ck_assert_int_eq(image_decode((struct bytes){png.data, png.size}, &failure, &image, &info), expected);
    ck_assert_uint_eq(info.width, width); /* the header is known although the image is refused */
    ck_assert_uint_eq(info.height, height);
    buffer_finish(&png);
}

START_TEST(sizes_out_of_bounds_are_refused)
{
    size_refused(1, 1, STATUS_UNPROCESSABLE, "too small: 1 x 1");
    size_refused(15, 400, STATUS_UNPROCESSABLE, "too small");
    size_refused(40000, 10, STATUS_TOO_LARGE, "40000 x 10");
    size_refused(10, 32769, STATUS_TOO_LARGE, "32768");
    size_refused(10001, 10000, STATUS_TOO_LARGE, "100 megapixels");
    size_refused(0, 20, STATUS_UNPROCESSABLE, "too small");
    size_refused(UINT32_MAX, UINT32_MAX, STATUS_TOO_LARGE, "sides");
}
END_TEST

static long peak_memory_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* 64 x 64 pixels are 4160 bytes of rows; the second stream is small enough to be inflated. */
START_TEST(inflation_bombs_stay_within_the_budget)
{
    const size_t inflated[] = {unless_valgrind(258u << 20, 8u << 20), unless_valgrind(50u << 20, 1u << 20),
                               4159};
    struct buffer png = png_constant(64, 64, 0, inflated[_i]);
    long before = peak_memory_kib();
    decode_refused((struct bytes){png.data, png.size}, STATUS_UNPROCESSABLE, "do not fit its size");
    ck_assert_int_lt(peak_memory_kib() - before, 16 << 10);
    buffer_finish(&png);
}
END_TEST

START_TEST(constant_images_decode)
{
    struct buffer png = png_constant(64, 64, 200, 65 * 64);
    struct failure failure = {0};
    struct image image;
    struct image_info info;
    /* Each row begins with its filter: 200 is none of the five. */
    ck_assert_int_eq(image_decode((struct bytes){png.data, png.size}, &failure, &image, &info),
                     STATUS_UNPROCESSABLE);
    buffer_finish(&png);
    png = png_constant(64, 64, 0, 65 * 64);
    ck_assert_int_eq(image_decode((struct bytes){png.data, png.size}, &failure, &image, &info), STATUS_OK);
    const struct profile profile = {.name = "chexfound", .min_max = true};
    const struct target target = {&profile, 32, 32};
    struct frame frame;
    struct region region;
    ck_assert_int_eq(image_prepare(&image, &target, &failure, &frame, &region), STATUS_UNPROCESSABLE);
    image_finish(&image);
    buffer_finish(&png);
}
END_TEST

START_TEST(warnings_have_sentences)
{
    uint32_t left = UINT32_MAX, bits = 0; /* of which those from IMAGE_WARNING_END on mean nothing */
    for (const char *sentence; (sentence = image_warning_next(&left)); bits = bits << 1 | 1)
        ck_assert_uint_gt(strlen(sentence), 20);
    ck_assert_uint_eq(bits, IMAGE_WARNING_END - 1);
    char *text = image_warnings_join(IMAGE_WARNING_ANIMATION | IMAGE_WARNING_ALPHA);
    ck_assert_str_eq(text, "The image has transparency; it was dropped and the colours beneath were used. "
                           "The image is animated; only its default picture was read.");
    free(text);
    text = image_warnings_join(0);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {png_equals_pillow_to_the_bit,
                            jpeg_equals_pillow_to_the_bit,
                            truncated_files_are_refused,
                            signature_cut_off_counts_as_truncated,
                            what_is_no_image_is_refused,
                            sizes_out_of_bounds_are_refused,
                            inflation_bombs_stay_within_the_budget,
                            constant_images_decode,
                            warnings_have_sentences};
    size_t loops[] = {PNG_COUNT, JPEG_COUNT, 5, 1, 1, 1, 3, 1, 1};
    return run_cases("image/decode", tests, loops, 9);
}
