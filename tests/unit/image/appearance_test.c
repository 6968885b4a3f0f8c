/* Warnings that come of the pixels: greys that look inverted, 16-bit samples that a few extreme ones squeeze.
 */
#include "engine/image/overlay.h"
#include "tests/unit/image/support.h"

/* Air is 10, lungs are `lung`, the spine and the rest of the body 200. */
static struct image chest_draw(uint32_t width, uint32_t height, uint8_t lung)
{
    struct image image = {width, height, memory_allocate((size_t)width * height, 3)};
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint32_t across = 100 * x / width, down = 100 * y / height;
            bool is_air = down < 20 && (across < 30 || across > 70);
            bool is_lung =
                down > 22 && down < 70 && ((across > 15 && across < 42) || (across > 58 && across < 85));
            memset(image.pixels + 3 * ((size_t)y * width + x), is_air ? 10 : is_lung ? lung : 200, 3);
        }
    return image;
}

static uint32_t warnings_of(struct bytes encoded)
{
    struct failure failure = {0};
    struct image image;
    struct image_info info;
    enum status status = image_decode(encoded, &failure, &image, &info);
    ck_assert_msg(status == STATUS_OK, "%s", failure.sentence);
    image_finish(&image);
    return info.warnings;
}

/* Writes the picture as a PNG and reads it again. */
static bool looks_inverted(struct image image)
{
    struct failure failure;
    struct buffer png = {.maximum = 1 << 24};
    ck_assert_int_eq(image_write_png(image.pixels, image.width, image.height, 3, NULL, &failure, &png),
                     STATUS_OK);
    uint32_t warnings = warnings_of((struct bytes){png.data, png.size});
    ck_assert_uint_eq(warnings & ~(uint32_t)IMAGE_WARNING_INVERTED, 0);
    buffer_finish(&png);
    image_finish(&image);
    return warnings;
}

static struct image inverted(struct image image)
{
    for (size_t i = 0; i < (size_t)image.width * image.height * 3; i++)
        image.pixels[i] = (uint8_t)(255 - image.pixels[i]);
    return image;
}

/* Of any shape; a lung that is white with fluid, and one that is not darker by the margin, leave doubt. */
START_TEST(inverted_greys_are_told)
{
    static const uint32_t sides[][2] = {{128, 128}, {500, 600}, {600, 500}, {150, 900}};
    for (size_t i = 0; i < 4; i++) {
        ck_assert(!looks_inverted(chest_draw(sides[i][0], sides[i][1], 60)));
        ck_assert(looks_inverted(inverted(chest_draw(sides[i][0], sides[i][1], 60))));
    }
    ck_assert(!looks_inverted(inverted(chest_draw(500, 600, 190))));
    ck_assert(looks_inverted(inverted(chest_draw(500, 600, 170))));
    ck_assert(!looks_inverted(inverted(chest_draw(100, 120, 60)))); /* too small to tell */
    ck_assert(!looks_inverted(inverted(picture_draw(1, 300, 300, 0))));
}
END_TEST

/* A film whose lungs are darker than its air, as bright fields around a collimated one: no corner is
 * brighter. */
START_TEST(bright_surroundings_do_not_invert)
{
    struct image image = chest_draw(400, 400, 60);
    for (uint32_t y = 0; y < 400; y++)
        for (uint32_t x = 0; x < 400; x++)
            if (y < 60 || y > 340 || x < 20 || x > 380)
                memset(image.pixels + 3 * ((size_t)y * 400 + x), 255, 3);
    ck_assert(!looks_inverted(image));
}
END_TEST

/* One corner that is as dark as a marker's surroundings leaves doubt, whichever it is. */
START_TEST(both_corners_are_looked_at)
{
    for (uint32_t dark = 0; dark < 2; dark++) {
        struct image image = inverted(chest_draw(400, 400, 60));
        for (uint32_t y = 0; y < 60; y++)
            memset(image.pixels + 3 * (y * 400 + dark * 340), 0, 3 * 60);
        ck_assert(!looks_inverted(image));
    }
}
END_TEST

/* 200 x 200 samples of a ramp from 0 to `high`, of which `hot` are 65535. */
static uint32_t ramp_warnings(uint32_t high, uint32_t hot)
{
    enum { SIDE = 200, ROW_BYTES = 1 + 2 * SIDE };
    uint8_t *rows = memory_allocate(SIDE, ROW_BYTES);
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        uint32_t value = i < hot ? UINT16_MAX : (i * 7919 % (SIDE * SIDE)) * high / (SIDE * SIDE - 1);
        rows[i / SIDE * ROW_BYTES + 1 + i % SIDE * 2] = (uint8_t)(value >> 8);
        rows[i / SIDE * ROW_BYTES + 2 + i % SIDE * 2] = (uint8_t)value;
    }
    uLongf size = compressBound(SIDE * ROW_BYTES);
    uint8_t *packed = memory_allocate(size, 1);
    ck_assert_int_eq(compress(packed, &size, rows, SIDE * ROW_BYTES), Z_OK);
    struct buffer png = png_begin(SIDE, SIDE, 16, 0);
    png_add_chunk(&png, "IDAT", packed, size);
    png_add_chunk(&png, "IEND", NULL, 0);
    uint32_t warnings = warnings_of((struct bytes){png.data, png.size});
    ck_assert(warnings & IMAGE_WARNING_RESCALED);
    buffer_finish(&png);
    free(packed);
    free(rows);
    return warnings & ~(uint32_t)IMAGE_WARNING_RESCALED;
}

/* 1 in 200 may be extreme; a marker of more is part of the picture, and so is what fills a quarter of the
 * range. */
START_TEST(extreme_samples_are_told)
{
    ck_assert_uint_eq(ramp_warnings(3000, 150), IMAGE_WARNING_OUTLIERS);
    ck_assert_uint_eq(ramp_warnings(3000, 1), IMAGE_WARNING_OUTLIERS);
    ck_assert_uint_eq(ramp_warnings(16000, 150), IMAGE_WARNING_OUTLIERS);
    ck_assert_uint_eq(ramp_warnings(17000, 150), 0);
    ck_assert_uint_eq(ramp_warnings(3000, 250), 0);
    ck_assert_uint_eq(ramp_warnings(3000, 0), 0);
    ck_assert_uint_eq(ramp_warnings(65535, 0), 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {inverted_greys_are_told, bright_surroundings_do_not_invert,
                            both_corners_are_looked_at, extreme_samples_are_told};
    return run_cases("image/appearance", tests, NULL, 4);
}
