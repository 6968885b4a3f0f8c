#include "tests/unit/image/support.h"

#include <math.h>

/* Pillow's resize and centre crop of picture_draw(seed, width, height, seed % 3). */
static const struct {
    uint32_t seed, width, height, side, checksum;
    uint8_t minimum[3], maximum[3];
    double region[4];
} SQUARES[] = {
#include "tests/unit/image/prepare_reference.inc"
};
enum { SQUARE_COUNT = sizeof SQUARES / sizeof *SQUARES };

START_TEST(square_equals_pillow_to_the_bit)
{
    struct image image =
        picture_draw(SQUARES[_i].seed, SQUARES[_i].width, SQUARES[_i].height, SQUARES[_i].seed % 3);
    struct failure failure = {0};
    struct square square;
    struct region region;
    ck_assert_int_eq(image_prepare(&image, SQUARES[_i].side, &failure, &square, &region), STATUS_OK);
    ck_assert_uint_eq(square.side, SQUARES[_i].side);
    ck_assert_uint_eq(crc32_z(0, square.pixels, (size_t)square.side * square.side * 3), SQUARES[_i].checksum);
    ck_assert_mem_eq(square.minimum, SQUARES[_i].minimum, 3);
    ck_assert_mem_eq(square.maximum, SQUARES[_i].maximum, 3);
    const double *expected = SQUARES[_i].region;
    ck_assert_double_eq_tol(region.x, expected[0], 1e-9);
    ck_assert_double_eq_tol(region.y, expected[1], 1e-9);
    ck_assert_double_eq_tol(region.width, expected[2], 1e-9);
    ck_assert_double_eq_tol(region.height, expected[3], 1e-9);
    ck_assert(region.x >= 0 && region.x + region.width <= image.width + 1e-9);
    ck_assert(region.y >= 0 && region.y + region.height <= image.height + 1e-9);
    square_finish(&square);
    image_finish(&image);
}
END_TEST

static void prepare_refused(const struct image *image, const char *words)
{
    struct failure failure = {0};
    struct square square = {0};
    struct region region;
    ck_assert_int_eq(image_prepare(image, 32, &failure, &square, &region), STATUS_UNPROCESSABLE);
    ck_assert_ptr_null(square.pixels);
    ck_assert_msg(strstr(failure.sentence, words), "%s", failure.sentence);
}

START_TEST(constant_image_has_no_contrast)
{
    struct image image = picture_draw(1, 64, 48, 0);
    memset(image.pixels, 77, 64 * 48 * 3);
    prepare_refused(&image, "all pixels have the same value");
    image_finish(&image);
}
END_TEST

START_TEST(constant_channel_has_no_contrast)
{
    struct image image = picture_draw(1, 64, 48, 0);
    for (size_t i = 0; i < 64 * 48; i++)
        image.pixels[3 * i + 1] = 0;
    prepare_refused(&image, "a colour channel has the same value");
    image_finish(&image);
}
END_TEST

START_TEST(contrast_outside_the_crop_does_not_count)
{
    struct image image = picture_draw(1, 64, 32, 0);
    for (size_t y = 0; y < 32; y++)
        memset(image.pixels + (y * 64 + 16) * 3, 9, 32 * 3);
    prepare_refused(&image, "no contrast");
    image_finish(&image);
}
END_TEST

START_TEST(what_leaves_out_over_a_third_is_told)
{
    static const uint32_t whole[][2] = {{512, 512}, {512, 620}, {300, 200}, {2000, 3000}, {16, 24}};
    static const uint32_t cut[][2] = {{301, 200}, {2000, 3001}, {3000, 200}, {16, 32768}, {32768, 16}};
    for (size_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(image_crop_warning(whole[i][0], whole[i][1]), 0);
        ck_assert_uint_eq(image_crop_warning(cut[i][0], cut[i][1]), IMAGE_WARNING_CROPPED);
    }
    uint32_t left = IMAGE_WARNING_CROPPED;
    ck_assert_ptr_nonnull(strstr(image_warning_next(&left), "the square in its middle"));
}
END_TEST

START_TEST(normalised_square_follows_the_equation)
{
    uint8_t pixels[4][3] = {{10, 0, 100}, {60, 128, 101}, {110, 255, 100}, {35, 64, 101}};
    struct square square = {2, pixels[0], {10, 0, 100}, {110, 255, 101}};
    const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
    float out[12];
    square_normalise(&square, out);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++) {
            double scaled =
                (pixels[i][c] - square.minimum[c]) / (double)(square.maximum[c] - square.minimum[c]);
            ck_assert_float_eq_tol(out[4 * c + i], (scaled - mean[c]) / deviation[c], 1e-6);
        }
}
END_TEST

int main(void)
{
    const TTest *tests[] = {square_equals_pillow_to_the_bit,      constant_image_has_no_contrast,
                            constant_channel_has_no_contrast,     contrast_outside_the_crop_does_not_count,
                            what_leaves_out_over_a_third_is_told, normalised_square_follows_the_equation};
    size_t loops[] = {SQUARE_COUNT, 1, 1, 1, 1, 1};
    return run_cases("image/prepare", tests, loops, 6);
}
