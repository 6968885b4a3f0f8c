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

/* The same for each way that a profile can ask for. */
static const struct {
    uint32_t seed, width, height, to_height, to_width;
    struct {
        enum profile_resize resize;
        uint32_t edge;
        enum profile_filter filter;
        enum profile_centre centre;
    } way;
    uint32_t checksum;
    double region[4];
} WAYS[] = {
#include "tests/unit/image/profile_reference.inc"
};
enum { WAY_COUNT = sizeof WAYS / sizeof *WAYS };

static const struct profile chexfound = {.name = "chexfound", .min_max = true}, dinov2 = {.name = "dinov2"};

static void check_region(const struct image *image, const struct region *region, const double *expected)
{
    ck_assert_double_eq_tol(region->x, expected[0], 1e-9);
    ck_assert_double_eq_tol(region->y, expected[1], 1e-9);
    ck_assert_double_eq_tol(region->width, expected[2], 1e-9);
    ck_assert_double_eq_tol(region->height, expected[3], 1e-9);
    ck_assert(region->x >= 0 && region->x + region->width <= image->width + 1e-9);
    ck_assert(region->y >= 0 && region->y + region->height <= image->height + 1e-9);
}

START_TEST(square_equals_pillow_to_the_bit)
{
    struct image image =
        picture_draw(SQUARES[_i].seed, SQUARES[_i].width, SQUARES[_i].height, SQUARES[_i].seed % 3);
    uint32_t side = SQUARES[_i].side;
    const struct target target = {&chexfound, side, side};
    struct failure failure = {0};
    struct frame frame;
    struct region region;
    ck_assert_int_eq(image_prepare(&image, &target, &failure, &frame, &region), STATUS_OK);
    ck_assert(frame.height == side && frame.width == side);
    ck_assert_uint_eq(crc32_z(0, frame.pixels, (size_t)side * side * 3), SQUARES[_i].checksum);
    ck_assert_mem_eq(frame.minimum, SQUARES[_i].minimum, 3);
    ck_assert_mem_eq(frame.maximum, SQUARES[_i].maximum, 3);
    check_region(&image, &region, SQUARES[_i].region);
    frame_finish(&frame);
    image_finish(&image);
}
END_TEST

START_TEST(every_way_equals_pillow_to_the_bit)
{
    struct image image = picture_draw(WAYS[_i].seed, WAYS[_i].width, WAYS[_i].height, WAYS[_i].seed % 3);
    const struct profile profile = {.name = "a way",
                                    .resize = WAYS[_i].way.resize,
                                    .edge_height = WAYS[_i].way.edge,
                                    .edge_width = WAYS[_i].way.edge,
                                    .filter = WAYS[_i].way.filter,
                                    .centre = WAYS[_i].way.centre};
    const struct target target = {&profile, WAYS[_i].to_height, WAYS[_i].to_width};
    struct failure failure = {0};
    struct frame frame;
    struct region region;
    ck_assert_int_eq(image_prepare(&image, &target, &failure, &frame, &region), STATUS_OK);
    ck_assert(frame.height == target.height && frame.width == target.width);
    ck_assert_uint_eq(crc32_z(0, frame.pixels, (size_t)target.height * target.width * 3), WAYS[_i].checksum);
    check_region(&image, &region, WAYS[_i].region);
    frame_finish(&frame);
    image_finish(&image);
}
END_TEST

static void prepare_refused(const struct image *image, const struct profile *profile, const char *words)
{
    const struct target target = {profile, 32, 32};
    struct failure failure = {0};
    struct frame frame = {0};
    struct region region;
    ck_assert_int_eq(image_prepare(image, &target, &failure, &frame, &region), STATUS_UNPROCESSABLE);
    ck_assert_ptr_null(frame.pixels);
    ck_assert_msg(strstr(failure.sentence, words), "%s", failure.sentence);
}

START_TEST(constant_image_has_no_contrast)
{
    struct image image = picture_draw(1, 64, 48, 0);
    memset(image.pixels, 77, 64 * 48 * 3);
    prepare_refused(&image, &chexfound, "all pixels have the same value");
    prepare_refused(&image, &dinov2, "all pixels have the same value");
    image_finish(&image);
}
END_TEST

START_TEST(constant_channel_has_no_contrast)
{
    struct image image = picture_draw(1, 64, 48, 0);
    for (size_t i = 0; i < 64 * 48; i++)
        image.pixels[3 * i + 1] = 0;
    prepare_refused(&image, &chexfound, "a colour channel has the same value");
    const struct target target = {&dinov2, 32, 32}; /* stretches nothing */
    struct failure failure = {0};
    struct frame frame;
    struct region region;
    ck_assert_msg(!image_prepare(&image, &target, &failure, &frame, &region), "%s", failure.sentence);
    frame_finish(&frame);
    image_finish(&image);
}
END_TEST

START_TEST(contrast_outside_the_crop_does_not_count)
{
    struct image image = picture_draw(1, 64, 32, 0);
    for (size_t y = 0; y < 32; y++)
        memset(image.pixels + (y * 64 + 16) * 3, 9, 32 * 3);
    prepare_refused(&image, &chexfound, "no contrast");
    image_finish(&image);
}
END_TEST

static void check_crop_warning(const struct target *target, const uint32_t sizes[][2], size_t count,
                               uint32_t expected)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(image_crop_warning(sizes[i][0], sizes[i][1], target) == expected, "%u x %u",
                      sizes[i][0], sizes[i][1]);
}

START_TEST(what_leaves_out_over_a_third_is_told)
{
    static const uint32_t whole[][2] = {{512, 512}, {512, 620}, {300, 200}, {2000, 3000}, {16, 24}};
    static const uint32_t cut[][2] = {{301, 200}, {2000, 3001}, {3000, 200}, {16, 32768}, {32768, 16}};
    const struct target target = {&chexfound, 512, 512};
    check_crop_warning(&target, whole, 5, 0);
    check_crop_warning(&target, cut, 5, IMAGE_WARNING_CROPPED);
    uint32_t left = IMAGE_WARNING_CROPPED;
    ck_assert_ptr_nonnull(strstr(image_warning_next(&left), "the part in its middle"));
}
END_TEST

START_TEST(the_warning_follows_what_is_cut_off)
{
    /* A portrait input loses none of 600 x 1200, and a third of 600 x 1800 or 600 x 800. */
    static const uint32_t whole[][2] = {{600, 1200}, {600, 1800}, {600, 800}};
    static const uint32_t cut[][2] = {{600, 1801}, {600, 799}, {600, 600}};
    const struct target portrait = {&chexfound, 128, 64};
    check_crop_warning(&portrait, whole, 3, 0);
    check_crop_warning(&portrait, cut, 3, IMAGE_WARNING_CROPPED);
    /* Of 120 x 120 the middle 100 x 100 is over two thirds of a square, and not of what is longer by a 24th.
     */
    const struct profile edge = {.name = "edge", .edge_height = 120, .edge_width = 120},
                         exact = {.name = "exact", .resize = PROFILE_EXACT};
    const struct target middle = {&edge, 100, 100}, squeezed = {&exact, 100, 100};
    static const uint32_t square[][2] = {{600, 600}, {600, 624}}, longer[][2] = {{600, 626}, {626, 600}};
    check_crop_warning(&middle, square, 2, 0);
    check_crop_warning(&middle, longer, 2, IMAGE_WARNING_CROPPED);
    check_crop_warning(&squeezed, cut, 3, 0);
}
END_TEST

/* Sizes of the resized picture and where the cut begins, by the originals' formulas. */
START_TEST(rectangles_are_cut_as_their_originals_cut_them)
{
    const struct profile down = {.name = "down"},
                         nearest = {.name = "nearest", .rounding = PROFILE_ROUND_NEAREST},
                         margin = {.name = "margin", .edge_height = 512, .edge_width = 256},
                         margin_nearest = {.name = "timm",
                                           .edge_height = 186,
                                           .edge_width = 124,
                                           .rounding = PROFILE_ROUND_NEAREST},
                         squash = {.name = "squash",
                                   .resize = PROFILE_EXACT,
                                   .edge_height = 192,
                                   .edge_width = 128};
    const struct {
        const struct profile *profile;
        uint32_t width, height;         /* of the picture */
        uint32_t to_height, to_width;   /* of the input */
        uint32_t all_width, all_height; /* of the resized picture */
        double x, y;                    /* of the cut in it */
    } cases[] = {
        {&down, 945, 1095, 168, 112, 144, 168, 16, 0},    /* int(168 * 945 / 1095) */
        {&nearest, 945, 1095, 168, 112, 145, 168, 16, 0}, /* round(945 / (1095 / 168)); round(16.5) is 16 */
        {&nearest, 1095, 945, 112, 168, 168, 145, 0, 16},
        {&nearest, 600, 800, 168, 112, 126, 168, 7, 0},
        {&margin, 1000, 1000, 448, 224, 512, 512, 144, 32},
        {&margin, 500, 1000, 448, 224, 256, 512, 16, 32},
        {&margin_nearest, 945, 1095, 168, 112, 161, 186, 24, 9}, /* 160.5...; round(24.5) is 24 */
        {&squash, 945, 1095, 168, 112, 128, 192, 8, 12},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct target target = {cases[i].profile, cases[i].to_height, cases[i].to_width};
        const struct region region = image_region(cases[i].width, cases[i].height, &target);
        const double across = (double)cases[i].width / cases[i].all_width,
                     down_ = (double)cases[i].height / cases[i].all_height;
        ck_assert_double_eq_tol(region.x, cases[i].x * across, 1e-9);
        ck_assert_double_eq_tol(region.y, cases[i].y * down_, 1e-9);
        ck_assert_double_eq_tol(region.width, cases[i].to_width * across, 1e-9);
        ck_assert_double_eq_tol(region.height, cases[i].to_height * down_, 1e-9);
    }
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        square_equals_pillow_to_the_bit,          every_way_equals_pillow_to_the_bit,
        constant_image_has_no_contrast,           constant_channel_has_no_contrast,
        contrast_outside_the_crop_does_not_count, what_leaves_out_over_a_third_is_told,
        the_warning_follows_what_is_cut_off,      rectangles_are_cut_as_their_originals_cut_them};
    size_t loops[] = {SQUARE_COUNT, WAY_COUNT, 1, 1, 1, 1, 1, 1};
    return run_cases("image/prepare", tests, loops, 8);
}
