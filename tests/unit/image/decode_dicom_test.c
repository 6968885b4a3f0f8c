/* DICOM files as images: one picture in every transfer syntax, drawn by make_dicom.py. */
#include "tests/unit/image/support.h"

static const char *const NAMES[] = {"explicit",      "implicit",        "deflated", "big_endian", "rle",
                                    "jpeg_lossless", "jpeg_lossless_1", "jpeg_ls",  "jpeg_2000"};
enum { NAME_COUNT = sizeof NAMES / sizeof *NAMES, WIDTH = 24, HEIGHT = 18 };

static struct bytes dicom_read(const char *name)
{
    char file[64];
    snprintf(file, sizeof file, "dicom_%s.dcm", name);
    return sample_read(file);
}

static struct image decode(struct bytes encoded, enum dicom_profile profile, struct image_info *info)
{
    const struct image_options options = {.dicom_profile = profile};
    struct failure failure = {0};
    struct image image = {0};
    ck_assert_msg(!image_decode_into(encoded, NULL, &options, &failure, &image, info), "%s",
                  failure.sentence);
    return image;
}

/* Native, explicit little endian is read by hand here: 12 bits of 16, through a window of all of them. */
START_TEST(pixels_are_the_same_in_every_lossless_syntax)
{
    const struct bytes native = dicom_read("explicit"), file = dicom_read(NAMES[_i]);
    const uint8_t *stored = native.data + native.size - 2 * WIDTH * HEIGHT;
    struct image_info info;
    struct image image = decode(file, DICOM_PROFILE_VOI, &info);
    ck_assert_int_eq(info.format, IMAGE_DICOM);
    ck_assert(image.width == WIDTH && image.height == HEIGHT && info.bits == 12 && info.channels == 1);
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        unsigned value = stored[2 * i] | (unsigned)stored[2 * i + 1] << 8;
        ck_assert_uint_eq(image.pixels[3 * i], (unsigned)(value / 4095.0 * 255 + 0.5));
        ck_assert(image.pixels[3 * i] == image.pixels[3 * i + 1] &&
                  image.pixels[3 * i] == image.pixels[3 * i + 2]);
    }
    image_finish(&image);
    sample_free(file);
    sample_free(native);
}
END_TEST

START_TEST(what_a_file_says_is_told)
{
    const struct bytes file = dicom_read("explicit");
    struct image_info info;
    struct image image = decode(file, DICOM_PROFILE_UNSAID, &info);
    ck_assert_str_eq(info.dicom.modality, "DX");
    ck_assert_str_eq(info.dicom.view_position, "PA");
    ck_assert_str_eq(info.dicom.transfer_syntax, "1.2.840.10008.1.2.1");
    ck_assert_str_eq(info.dicom.study_uid, "");
    ck_assert_int_eq(info.dicom.profile, DICOM_PROFILE_MIMIC);
    ck_assert_uint_eq(info.warnings, 0);
    image_finish(&image);
    sample_free(file);
}
END_TEST

START_TEST(work_is_told_by_the_header)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        const struct bytes file = dicom_read(NAMES[i]);
        uint64_t deflated = !strcmp(NAMES[i], "deflated"); /* where the header does not say */
        ck_assert_uint_eq(image_work(file), deflated ? IMAGE_PIXELS_MAX : WIDTH * HEIGHT);
        sample_free(file);
    }
}
END_TEST

/* A JPEG of 8 bits goes through the decoder of JPEG files, which notices more. */
START_TEST(pieces_are_refused)
{
    const struct bytes file = dicom_read(NAMES[_i]);
    for (size_t size = 0; size < file.size - 8; size += 7) {
        struct failure failure = {0};
        struct image image = {0};
        struct image_info info;
        ck_assert_msg(image_decode((struct bytes){file.data, size}, &failure, &image, &info), "%s %zu",
                      NAMES[_i], size);
        ck_assert_ptr_null(image.pixels);
    }
    sample_free(file);
}
END_TEST

/* Warnings of DICOM have bits behind those of all images, and each a sentence of its own. */
START_TEST(every_remark_has_a_sentence)
{
    uint32_t left = IMAGE_WARNING_END - 1;
    size_t count = 0;
    const char *sentence;
    while ((sentence = image_warning_next(&left))) {
        ck_assert_uint_gt(strlen(sentence), 20);
        count++;
    }
    ck_assert_uint_eq(1u << count, IMAGE_WARNING_END);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {pixels_are_the_same_in_every_lossless_syntax, what_a_file_says_is_told,
                            work_is_told_by_the_header, pieces_are_refused, every_remark_has_a_sentence};
    size_t loops[] = {NAME_COUNT, 1, 1, NAME_COUNT, 1};
    return run_cases("image/decode_dicom", tests, loops, 5);
}
