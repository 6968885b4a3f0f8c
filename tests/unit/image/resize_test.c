#include "tests/unit/image/support.h"

/* Pillow's bicubic resizes of picture_draw(seed, width, height, seed % 3). */
static const struct {
    uint32_t seed, width, height, to_width, to_height, checksum;
    uint8_t first[3];
} RESIZES[] = {
#include "tests/unit/image/resize_reference.inc"
};
enum { RESIZE_COUNT = sizeof RESIZES / sizeof *RESIZES };
_Static_assert(RESIZE_COUNT >= 200, "sizes up, down and of extreme aspect");

START_TEST(resize_equals_pillow_to_the_bit)
{
    uint32_t width = RESIZES[_i].to_width, height = RESIZES[_i].to_height;
    struct image image =
        picture_draw(RESIZES[_i].seed, RESIZES[_i].width, RESIZES[_i].height, RESIZES[_i].seed % 3);
    struct resize resize = {width, height, 0, 0, width, height};
    size_t size = (size_t)width * height * 3;
    uint8_t *out = memory_allocate(size, 1);
    ck_assert(!image_resize(&image, &resize, NULL, out));
    ck_assert_mem_eq(out, RESIZES[_i].first, 3);
    ck_assert_uint_eq(crc32_z(0, out, size), RESIZES[_i].checksum);
    free(out);
    image_finish(&image);
}
END_TEST

START_TEST(crop_is_a_part_of_the_whole)
{
    enum { WIDTH = 67, HEIGHT = 41, X = 13, Y = 5, CROP_WIDTH = 31, CROP_HEIGHT = 29 };
    struct image image = picture_draw(3, 150, 90, 0);
    struct resize whole = {WIDTH, HEIGHT, 0, 0, WIDTH, HEIGHT};
    struct resize crop = {WIDTH, HEIGHT, X, Y, CROP_WIDTH, CROP_HEIGHT};
    static uint8_t all[HEIGHT][WIDTH][3], part[CROP_HEIGHT][CROP_WIDTH][3];
    ck_assert(!image_resize(&image, &whole, NULL, all[0][0]));
    ck_assert(!image_resize(&image, &crop, NULL, part[0][0]));
    for (int y = 0; y < CROP_HEIGHT; y++)
        ck_assert_mem_eq(part[y], all[Y + y][X], sizeof part[y]);
    image_finish(&image);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {resize_equals_pillow_to_the_bit, crop_is_a_part_of_the_whole};
    size_t loops[] = {RESIZE_COUNT, 1};
    return run_cases("image/resize", tests, loops, 2);
}
