/* JPEGs that break a rule of their standard, and what tells them from damaged ones. */
#include "tests/unit/image/jpeg_bytes.h"

/* Decodes to the pixels of the clean sample, with the one warning more. */
static void read_as(struct bytes jpeg, const char *clean)
{
    struct failure failure = {0};
    struct image image, expected;
    struct image_info info, expected_info;
    struct bytes sample = sample_read(clean);
    ck_assert_int_eq(image_decode(sample, &failure, &expected, &expected_info), STATUS_OK);
    enum status status = image_decode(jpeg, &failure, &image, &info);
    ck_assert_msg(status == STATUS_OK, "%s", failure.sentence);
    ck_assert_uint_eq(expected_info.warnings, 0);
    ck_assert_uint_eq(info.warnings, IMAGE_WARNING_LOOSE);
    ck_assert_uint_eq(image.width, expected.width);
    ck_assert_uint_eq(image.height, expected.height);
    ck_assert(!memcmp(image.pixels, expected.pixels, (size_t)image.width * image.height * 3));
    image_finish(&image);
    image_finish(&expected);
    sample_free(sample);
}

static void read_as_sample(struct buffer jpeg, const char *clean)
{
    read_as((struct bytes){jpeg.data, jpeg.size}, clean);
    buffer_finish(&jpeg);
}

static void refused(struct buffer jpeg, const char *words)
{
    decode_refused((struct bytes){jpeg.data, jpeg.size}, STATUS_UNPROCESSABLE, words);
    buffer_finish(&jpeg);
}

static struct buffer patched(const char *name, uint8_t marker, size_t offset, const void *with, size_t size)
{
    struct bytes jpeg = sample_read(name);
    struct buffer out = spliced(jpeg, segment_find(jpeg, marker) + offset, size,
                                (struct bytes){(const uint8_t *)with, size}, 1);
    sample_free(jpeg);
    return out;
}

/* `count` bytes put in before the nth marker from the end: 1 is the end of the image. */
static struct buffer stuffed(const char *name, size_t nth, uint8_t byte, size_t count)
{
    struct bytes jpeg = sample_read(name);
    size_t at = jpeg.size;
    while (nth)
        nth -= jpeg.data[--at] == 0xFF && jpeg.data[at + 1] != 0;
    struct buffer out = spliced(jpeg, at, 0, (struct bytes){&byte, 1}, count);
    sample_free(jpeg);
    return out;
}

/* Some cameras leave the last three bytes of a scan's head zero, which only progressive files read. */
START_TEST(scan_parameters_of_no_meaning_are_allowed)
{
    static const char *const names[] = {"grey_baseline.jpg", "grey_restarts.jpg"};
    for (size_t i = 0; i < 2; i++) {
        read_as_sample(patched(names[i], SOS, 7, "\0\0\0", 3), names[i]);
        read_as_sample(patched(names[i], SOS, 7, "\0\x3F\1", 3), names[i]);
    }
    read_as_sample(patched("colour_444.jpg", SOS, 11, "\0\0\0", 3), "colour_444.jpg");
}
END_TEST

START_TEST(unknown_versions_are_allowed)
{
    read_as_sample(patched("grey_progressive.jpg", APP0, 9, "\2", 1), "grey_progressive.jpg");
    read_as_sample(patched("colour_420.jpg", APP0, 9, "\0", 1), "colour_420.jpg");
    /* A segment of Adobe's in JFIF's place, with a transform between colours that does not exist. */
    read_as_sample(patched("colour_420.jpg", APP0, 1,
                           "\xEE\0\x10"
                           "Adobe\0\x64\0\0\0\0\7\0\0",
                           17),
                   "colour_420.jpg");
}
END_TEST

/* More than the decoder takes into its bit buffer, where it would not even be noticed. */
START_TEST(padding_is_allowed)
{
    static const char *const names[] = {"grey_baseline.jpg", "grey_progressive.jpg", "colour_420.jpg",
                                        "grey_restarts.jpg"};
    for (size_t i = 0; i < 4; i++)
        read_as_sample(stuffed(names[i], 1, 0, 20), names[i]);
    read_as_sample(stuffed("grey_progressive.jpg", 2, 0, 20), "grey_progressive.jpg"); /* between two scans */
    for (size_t nth = 2; nth < 12; nth += 3)                                           /* before a restart */
        read_as_sample(stuffed("grey_restarts.jpg", nth, 0, 15), "grey_restarts.jpg");
    struct bytes jpeg = sample_read("colour_444.jpg");
    read_as_sample(spliced(jpeg, segment_find(jpeg, DHT), 0, (struct bytes){(const uint8_t *)"\0", 1}, 3),
                   "colour_444.jpg");
    sample_free(jpeg);
}
END_TEST

/* As a scan leaves behind whose data were changed, and a segment whose marker was. */
START_TEST(other_bytes_are_refused)
{
    refused(stuffed("grey_baseline.jpg", 1, 0x5A, 20), "belong to nothing");
    refused(stuffed("grey_restarts.jpg", 4, 0x5A, 20), "belong to nothing");
    refused(stuffed("grey_progressive.jpg", 2, 0x5A, 20), "belong to nothing");
    refused(patched("grey_progressive.jpg", DQT, 0, "\x7F", 1), "belong to nothing");
}
END_TEST

/* One restart interval cut out with the marker before it; and a marker that has another's number. */
START_TEST(missing_restarts_are_refused)
{
    struct bytes jpeg = sample_read("grey_restarts.jpg");
    size_t first = segment_find(jpeg, SOS) + 10;
    while (jpeg.data[first] != 0xFF || jpeg.data[first + 1] != 0xD2)
        first++;
    size_t next = first + 2;
    while (jpeg.data[next] != 0xFF || jpeg.data[next + 1] != 0xD3)
        next++;
    refused(spliced(jpeg, first, next - first, (struct bytes){0}, 0), "restart marker");
    refused(spliced(jpeg, first + 1, 1, (struct bytes){(const uint8_t *)"\xD6", 1}, 1), "restart marker");
    sample_free(jpeg);
}
END_TEST

/* One bit of the frame's marker makes a progressive file look like a baseline one with odd scans. */
START_TEST(progressive_file_called_baseline_is_refused)
{
    refused(patched("grey_progressive.jpg", SOF2, 1, "\xC0", 1), "damaged");
    refused(patched("colour_420_progressive.jpg", SOF2, 1, "\xC0", 1), "damaged");
    refused(patched("colour_444_progressive.jpg", SOF2, 1, "\xC1", 1), "damaged");
}
END_TEST

/* Bytes of a scan changed at random: what is read all the same has no bytes left over. That nothing is left
 * over is no proof, so that most such files are read (image.h says so). */
START_TEST(changed_data_are_no_padding)
{
    static const char *const names[] = {"grey_baseline.jpg", "grey_progressive.jpg", "colour_444.jpg",
                                        "grey_restarts.jpg"};
    struct bytes jpeg = sample_read(names[_i]);
    size_t start = segment_find(jpeg, SOS) + 10, refusals = 0;
    uint32_t random = 1;
    for (int round = 0; round < 400; round++) {
        random = random * 1664525 + 1013904223;
        size_t at = start + random % (jpeg.size - 4 - start);
        uint8_t kept = jpeg.data[at];
        ((uint8_t *)jpeg.data)[at] ^= (uint8_t)(1 << (random >> 29));
        struct failure failure = {0};
        struct image image;
        struct image_info info;
        if (image_decode(jpeg, &failure, &image, &info)) {
            refusals++;
        } else {
            ck_assert_msg(!(info.warnings & IMAGE_WARNING_LOOSE), "byte %zu", at);
            image_finish(&image);
        }
        ((uint8_t *)jpeg.data)[at] = kept;
    }
    ck_assert_uint_gt(refusals, 20);
    sample_free(jpeg);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {scan_parameters_of_no_meaning_are_allowed,
                            unknown_versions_are_allowed,
                            padding_is_allowed,
                            other_bytes_are_refused,
                            missing_restarts_are_refused,
                            progressive_file_called_baseline_is_refused,
                            changed_data_are_no_padding};
    size_t loops[] = {1, 1, 1, 1, 1, 1, 4};
    return run_cases("image/jpeg_loose", tests, loops, 7);
}
