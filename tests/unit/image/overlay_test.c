#include "engine/image/overlay.h"
#include "tests/unit/image/support.h"

#include <math.h>

static struct image png_decode(const struct buffer *png)
{
    struct failure failure = {0};
    struct image image;
    struct image_info info;
    enum status status = image_decode((struct bytes){png->data, png->size}, &failure, &image, &info);
    ck_assert_msg(status == STATUS_OK, "%s", failure.sentence);
    return image;
}

START_TEST(written_png_decodes_to_the_same_pixels)
{
    struct failure failure = {0};
    struct image image = picture_draw(11, 123, 45, 2);
    struct buffer png = {.maximum = 1 << 20};
    ck_assert_int_eq(image_write_png(image.pixels, 123, 45, 3, &failure, &png), STATUS_OK);
    struct image back = png_decode(&png);
    ck_assert_uint_eq(back.width, 123);
    ck_assert_uint_eq(back.height, 45);
    ck_assert_mem_eq(back.pixels, image.pixels, 123 * 45 * 3);
    image_finish(&back);
    image_finish(&image);
    buffer_finish(&png);
}
END_TEST

START_TEST(png_over_the_buffer_bound_fails)
{
    struct failure failure = {0};
    struct image image = picture_draw(11, 64, 64, 0);
    struct buffer png = {.maximum = 1000};
    ck_assert_int_eq(image_write_png(image.pixels, 64, 64, 3, &failure, &png), STATUS_TOO_LARGE);
    image_finish(&image);
    buffer_finish(&png);
}
END_TEST

START_TEST(peak_is_the_centre_of_its_patch_in_original_pixels)
{
    float values[3 * 4] = {[5] = 0.4f, [6] = 0.4f, [11] = 0.2f};
    struct attention_map map = {values, 3, 4, {100, 10, 80, 60}};
    double x, y;
    attention_peak(&map, &x, &y);
    ck_assert_double_eq(x, 100 + 80 * 1.5 / 4);
    ck_assert_double_eq(y, 10 + 60 * 1.5 / 3);
    values[11] = 0.5f;
    attention_peak(&map, &x, &y);
    ck_assert_double_eq(x, 100 + 80 * 3.5 / 4);
    ck_assert_double_eq(y, 10 + 60 * 2.5 / 3);
}
END_TEST

START_TEST(region_rounds_to_whole_pixels)
{
    struct region region = {70.6748, 0.4, 502.577, 499.2};
    struct rectangle area = region_pixels(&region);
    ck_assert_uint_eq(area.x, 71);
    ck_assert_uint_eq(area.y, 0);
    ck_assert_uint_eq(area.x + area.width, 573);
    ck_assert_uint_eq(area.height, 500);
    region = (struct region){5, 5, 0.1, 0.1};
    area = region_pixels(&region);
    ck_assert_uint_eq(area.width, 1);
    ck_assert_uint_eq(area.height, 1);
}
END_TEST

/* Bilinear weights by their definition, in double, for one pixel of a 2 x 2 map over `side` pixels. */
static double expected_weight(const float values[4], int x, int y, int side)
{
    double across = fmin(fmax((x + 0.5) * 2 / side - 0.5, 0), 1);
    double down = fmin(fmax((y + 0.5) * 2 / side - 0.5, 0), 1);
    double top = values[0] * (1 - across) + values[1] * across;
    double bottom = values[2] * (1 - across) + values[3] * across;
    return sqrt((top * (1 - down) + bottom * down) / 0.5);
}

START_TEST(map_is_drawn_bilinear_with_its_maximum_white)
{
    enum { SIDE = 40 };
    const float values[4] = {0.0f, 0.5f, 0.2f, 0.3f};
    struct attention_map map = {values, 2, 2, {7, 9, SIDE, SIDE}};
    struct failure failure = {0};
    struct buffer png = {.maximum = 1 << 20};
    ck_assert_int_eq(attention_render(&map, NULL, &failure, &png), STATUS_OK);
    struct image drawn = png_decode(&png);
    ck_assert_uint_eq(drawn.width, SIDE);
    ck_assert_uint_eq(drawn.height, SIDE);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            ck_assert_double_eq_tol(drawn.pixels[(y * SIDE + x) * 3],
                                    255 * expected_weight(values, x, y, SIDE), 0.6);
    ck_assert_uint_eq(drawn.pixels[(SIDE - 1) * 3], 255);
    ck_assert_uint_eq(drawn.pixels[0], 0);
    image_finish(&drawn);
    buffer_finish(&png);
}
END_TEST

START_TEST(overlay_keeps_the_image_where_the_weight_is_zero)
{
    float values[16] = {[15] = 1.0f};
    struct image image = picture_draw(5, 60, 50, 0);
    struct attention_map map = {values, 4, 4, {10, 2, 40, 40}};
    struct failure failure = {0};
    struct buffer png = {.maximum = 1 << 20};
    ck_assert_int_eq(attention_render(&map, &image, &failure, &png), STATUS_OK);
    struct image drawn = png_decode(&png);
    ck_assert_uint_eq(drawn.width, 40);
    ck_assert_uint_eq(drawn.height, 40);
    for (size_t y = 0; y < 20; y++)
        ck_assert_mem_eq(drawn.pixels + y * 40 * 3, image.pixels + ((y + 2) * 60 + 10) * 3, 20 * 3);
    /* The last pixel lies at full weight: 35 % of it, and 65 % of the brightest colour. */
    const uint8_t *seen = drawn.pixels + (40 * 40 - 1) * 3, *below = image.pixels + (41 * 60 + 49) * 3;
    ck_assert_int_le(abs(seen[0] - (int)(0.35 * below[0] + 0.65 * 252 + 0.5)), 1);
    ck_assert_int_le(abs(seen[2] - (int)(0.35 * below[2] + 0.65 * 190 + 0.5)), 1);
    image_finish(&drawn);
    image_finish(&image);
    buffer_finish(&png);
}
END_TEST

START_TEST(map_without_weight_is_black)
{
    float values[4] = {0};
    struct attention_map map = {values, 2, 2, {0, 0, 20, 20}};
    struct failure failure = {0};
    struct buffer png = {.maximum = 1 << 20};
    ck_assert_int_eq(attention_render(&map, NULL, &failure, &png), STATUS_OK);
    struct image drawn = png_decode(&png);
    for (size_t i = 0; i < 20 * 20 * 3; i++)
        ck_assert_uint_eq(drawn.pixels[i], 0);
    image_finish(&drawn);
    buffer_finish(&png);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {written_png_decodes_to_the_same_pixels,
                            png_over_the_buffer_bound_fails,
                            peak_is_the_centre_of_its_patch_in_original_pixels,
                            region_rounds_to_whole_pixels,
                            map_is_drawn_bilinear_with_its_maximum_white,
                            overlay_keeps_the_image_where_the_weight_is_zero,
                            map_without_weight_is_black};
    return run_cases("image/overlay", tests, NULL, 7);
}
