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
    ck_assert_int_eq(image_write_png(image.pixels, 123, 45, 3, NULL, &failure, &png), STATUS_OK);
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
    ck_assert_int_eq(image_write_png(image.pixels, 64, 64, 3, NULL, &failure, &png), STATUS_TOO_LARGE);
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
    const struct image canvas = {SIDE, SIDE, NULL};
    ck_assert_int_eq(attention_render(&map, &canvas, NULL, &failure, &png), STATUS_OK);
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
    struct image canvas;
    ck_assert_int_eq(region_picture(&image, &map.region, 40, &failure, &canvas), STATUS_OK);
    ck_assert_int_eq(attention_render(&map, &canvas, NULL, &failure, &png), STATUS_OK);
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
    image_finish(&canvas);
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
    const struct image canvas = {20, 20, NULL};
    ck_assert_int_eq(attention_render(&map, &canvas, NULL, &failure, &png), STATUS_OK);
    struct image drawn = png_decode(&png);
    for (size_t i = 0; i < 20 * 20 * 3; i++)
        ck_assert_uint_eq(drawn.pixels[i], 0);
    image_finish(&drawn);
    buffer_finish(&png);
}
END_TEST

/* A map keeps its place over the region at whatever size it is drawn. */
START_TEST(a_smaller_drawing_shows_the_same)
{
    enum { SIDE = 60, SMALL = 20 };
    const float values[4] = {0.0f, 0.5f, 0.2f, 0.3f};
    struct attention_map map = {values, 2, 2, {7.3, 9.8, SIDE, SIDE}};
    struct failure failure = {0};
    struct buffer large = {.maximum = 1 << 20}, small = {.maximum = 1 << 20};
    ck_assert_int_eq(attention_render(&map, &(struct image){SIDE, SIDE, NULL}, NULL, &failure, &large),
                     STATUS_OK);
    ck_assert_int_eq(attention_render(&map, &(struct image){SMALL, SMALL, NULL}, NULL, &failure, &small),
                     STATUS_OK);
    struct image fine = png_decode(&large), coarse = png_decode(&small);
    for (size_t y = 0; y < SMALL; y++)
        for (size_t x = 0; x < SMALL; x++)
            ck_assert_int_le(
                abs(coarse.pixels[(y * SMALL + x) * 3] - fine.pixels[((3 * y + 1) * SIDE + 3 * x + 1) * 3]),
                1);
    image_finish(&fine);
    image_finish(&coarse);
    buffer_finish(&large);
    buffer_finish(&small);
}
END_TEST

/* Sums over the area of each pixel, in double and by definition. */
static double expected_average(const struct image *image, const struct rectangle *area, uint32_t width,
                               uint32_t height, uint32_t x, uint32_t y, int channel)
{
    double scale_x = (double)area->width / width, scale_y = (double)area->height / height, sum = 0;
    for (uint32_t v = 0; v < area->height; v++)
        for (uint32_t u = 0; u < area->width; u++) {
            double across = fmin(u + 1, (x + 1) * scale_x) - fmax(u, x * scale_x);
            double down = fmin(v + 1, (y + 1) * scale_y) - fmax(v, y * scale_y);
            if (across > 0 && down > 0)
                sum +=
                    across * down *
                    image->pixels[3 * ((size_t)(area->y + v) * image->width + area->x + u) + (size_t)channel];
        }
    return sum / (scale_x * scale_y);
}

START_TEST(a_picture_averages_what_its_pixels_cover)
{
    struct image image = picture_draw(3, 131, 117, 1), picture; /* black and white: worst for aliasing */
    const struct region region = {12.4, 3.6, 101.2, 101.4};
    struct rectangle area = region_pixels(&region);
    struct failure failure = {0};
    ck_assert_int_eq(region_picture(&image, &region, 30, &failure, &picture), STATUS_OK);
    ck_assert_uint_eq(picture.width, 30);
    ck_assert_uint_eq(picture.height, 30);
    for (uint32_t y = 0; y < picture.height; y++)
        for (uint32_t x = 0; x < picture.width; x++)
            for (int c = 0; c < 3; c++)
                ck_assert_double_eq_tol(picture.pixels[3 * (y * picture.width + x) + (uint32_t)c],
                                        expected_average(&image, &area, 30, 30, x, y, c), 0.51);
    image_finish(&picture);
    image_finish(&image);
}
END_TEST

START_TEST(a_picture_is_never_larger_than_its_region)
{
    struct image image = picture_draw(3, 60, 50, 0), picture;
    const struct region region = {10, 2, 40, 44};
    struct failure failure = {0};
    ck_assert_int_eq(region_picture(&image, &region, 2048, &failure, &picture), STATUS_OK);
    ck_assert_uint_eq(picture.width, 40);
    ck_assert_uint_eq(picture.height, 44);
    for (size_t y = 0; y < 44; y++)
        ck_assert_mem_eq(picture.pixels + y * 40 * 3, image.pixels + ((y + 2) * 60 + 10) * 3, 40 * 3);
    image_finish(&picture);
    image_finish(&image);
    uint32_t width, height;
    picture_size(&(struct region){0, 0, 3000, 1000}, 300, &width, &height);
    ck_assert_uint_eq(width, 300);
    ck_assert_uint_eq(height, 100);
    picture_size(&(struct region){0, 0, 30000, 10}, 300, &width, &height);
    ck_assert_uint_eq(height, 1);
}
END_TEST

static bool patience_ends(void *looks)
{
    return --*(int *)looks < 0;
}

/* 300 rows are several bands: who goes after a few looks ends the drawing in the middle. */
START_TEST(drawing_ends_with_the_patience)
{
    float values[4] = {0.1f, 0.2f, 0.3f, 0.4f};
    struct attention_map map = {values, 2, 2, {0, 0, 300, 300}};
    struct failure failure = {0};
    struct buffer png = {.maximum = 1 << 20};
    int looks = 3;
    const struct patience client = {0, patience_ends, &looks}, late = {.deadline_ns = 1};
    const struct image canvas = {300, 300, NULL};
    ck_assert_int_eq(attention_render(&map, &canvas, &client, &failure, &png), STATUS_CLIENT_GONE);
    ck_assert_int_eq(looks, -1);
    ck_assert_int_eq(attention_render(&map, &canvas, &late, &failure, &png), STATUS_TIMEOUT);
    buffer_finish(&png);
}
END_TEST

START_TEST(a_header_tells_an_images_size)
{
    static const struct {
        const char *file;
        uint32_t width, height;
    } known[] = {{"grey16_interlaced.png", 21, 19},
                 {"colour_420_odd.jpg", 77, 61},
                 {"colour_422_progressive.jpg", 90, 75},
                 {"grey_rotated.jpg", 90, 75},
                 {"cmyk.jpg", 90, 75}};
    uint32_t width, height;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct bytes file = sample_read(known[i].file);
        image_peek(file, &width, &height);
        ck_assert_msg(width == known[i].width && height == known[i].height, "%s: %u x %u", known[i].file,
                      width, height);
        for (size_t size = 0; size < file.size && size < 400; size++) { /* cut off: the sanitizer watches */
            uint8_t *cut = memory_allocate(size, 1);
            memcpy(cut, file.data, size);
            image_peek((struct bytes){cut, size}, &width, &height);
            free(cut);
        }
        sample_free(file);
    }
    image_peek((struct bytes){(const uint8_t *)"hello", 5}, &width, &height);
    ck_assert_uint_eq(width + height, 0);
}
END_TEST

/* What hides a JPEG's size from whoever only looks for it is taken for the most there can be. */
START_TEST(work_is_not_hidden)
{
    static const uint8_t hiding[][2] = {{0xFF, 0x01}, {0xFF, 0xD0}, {0xFF, 0x00}, {0xFF, 0xD8}};
    struct bytes file = sample_read("grey_baseline.jpg");
    uint32_t width, height;
    image_peek(file, &width, &height);
    ck_assert_uint_eq(image_work(file), (uint64_t)width * height);
    for (size_t i = 0; i < sizeof hiding / sizeof *hiding; i++) {
        uint8_t *hidden = memory_allocate(file.size + 2, 1);
        memcpy(hidden, file.data, 2);
        memcpy(hidden + 2, hiding[i], 2);
        memcpy(hidden + 4, file.data + 2, file.size - 2);
        ck_assert_uint_eq(image_work((struct bytes){hidden, file.size + 2}), IMAGE_PIXELS_MAX);
        ck_assert(image_is_large((struct bytes){hidden, file.size + 2}));
        free(hidden);
    }
    uint8_t *scans = memory_allocate(file.size + 200, 1);
    memcpy(scans, file.data, file.size);
    for (size_t i = 0; i < 100; i++)
        memcpy(scans + file.size + 2 * i, "\xFF\xDA", 2);
    ck_assert_uint_ge(image_work((struct bytes){scans, file.size + 200}), 25 * (uint64_t)width * height);
    free(scans);
    sample_free(file);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {work_is_not_hidden,
                            written_png_decodes_to_the_same_pixels,
                            png_over_the_buffer_bound_fails,
                            peak_is_the_centre_of_its_patch_in_original_pixels,
                            region_rounds_to_whole_pixels,
                            map_is_drawn_bilinear_with_its_maximum_white,
                            overlay_keeps_the_image_where_the_weight_is_zero,
                            map_without_weight_is_black,
                            a_smaller_drawing_shows_the_same,
                            a_picture_averages_what_its_pixels_cover,
                            a_picture_is_never_larger_than_its_region,
                            drawing_ends_with_the_patience,
                            a_header_tells_an_images_size};
    return run_cases("image/overlay", tests, NULL, sizeof tests / sizeof *tests);
}
