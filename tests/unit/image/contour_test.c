/* Contours against the map as it is drawn: what lies within them has more than the weight, what does not
 * less. */
#include "engine/image/contour.h"
#include "tests/unit/image/support.h"

#include <math.h>

static struct contours contours;

/* The interpolated map at a place, in cells, by its definition. */
static double weight_at(const struct attention_map *map, double x, double y)
{
    x = fmin(fmax(x - 0.5, 0), map->columns - 1.0);
    y = fmin(fmax(y - 0.5, 0), map->rows - 1.0);
    const size_t left = (size_t)x, top = (size_t)y;
    const size_t right = left + 1 < map->columns ? left + 1 : left,
                 bottom = top + 1 < map->rows ? top + 1 : top;
    const float *upper = map->values + top * map->columns, *lower = map->values + bottom * map->columns;
    const double u = x - (double)left, v = y - (double)top;
    return (upper[left] * (1 - u) + upper[right] * u) * (1 - v) +
           (lower[left] * (1 - u) + lower[right] * u) * v;
}

/* Whether a line may be within a thirtieth of a cell. */
static bool is_near(const struct attention_map *map, double x, double y, double weight)
{
    int above = 0;
    for (int i = 0; i < 9; i++)
        above += weight_at(map, x + (i % 3 - 1) / 30.0, y + (i / 3 - 1) / 30.0) > weight;
    return above != 0 && above != 9;
}

/* How often the rings go around a place, clockwise as seen. */
static int winding(double x, double y)
{
    const struct contour_point *point = contours.points;
    int turns = 0;
    for (size_t ring = 0; ring < contours.ring_count; point += contours.sizes[ring++])
        for (size_t i = 0; i + 1 < contours.sizes[ring]; i++) {
            const struct contour_point a = point[i], b = point[i + 1];
            const double side = (b.x - a.x) * (y - a.y) - (x - a.x) * (b.y - a.y);
            turns += a.y <= y && b.y > y && side > 0;
            turns -= a.y > y && b.y <= y && side < 0;
        }
    return turns;
}

/* Makes a map's contours and holds them against it. */
static void trace(const struct attention_map *map, double level)
{
    const struct region *region = &map->region;
    double maximum = 0;
    for (size_t i = 0; i < (size_t)map->rows * map->columns; i++)
        maximum = fmax(maximum, (double)map->values[i]);
    attention_contours(map, level, &contours);
    size_t points = 0;
    for (size_t ring = 0; ring < contours.ring_count; points += contours.sizes[ring++]) {
        const struct contour_point *first = contours.points + points,
                                   *last = first + contours.sizes[ring] - 1;
        ck_assert_uint_ge(contours.sizes[ring], 4);
        ck_assert(first->x == last->x && first->y == last->y);
    }
    ck_assert_uint_eq(points, contours.point_count);
    ck_assert_uint_le(points, 10 * (map->rows + 4) * (map->columns + 4));
    for (size_t i = 0; i < points; i++) {
        const struct contour_point *point = &contours.points[i];
        const double x = (point->x - region->x) / region->width * map->columns,
                     y = (point->y - region->y) / region->height * map->rows;
        ck_assert(x >= -1e-9 && y >= -1e-9 && x <= map->columns + 1e-9 && y <= map->rows + 1e-9);
        const bool border = fmin(fmin(x, y), fmin(map->columns - x, map->rows - y)) < 1e-9;
        const double weight = weight_at(map, x, y) / maximum;
        ck_assert_msg(border ? weight > level - 1e-6 : fabs(weight - level) < 1e-6, "(%g, %g) has %g, not %g",
                      x, y, weight, level);
    }
    enum { FINE = 9 }; /* places a cell */
    for (uint32_t y = 0; y < map->rows * FINE; y++)
        for (uint32_t x = 0; x < map->columns * FINE; x++) {
            const double across = (x + 0.503) / FINE, down = (y + 0.507) / FINE;
            const double weight = weight_at(map, across, down) / maximum;
            if (is_near(map, across, down, level * maximum))
                continue; /* curves are drawn as lines */
            const int turns = winding(region->x + across / map->columns * region->width,
                                      region->y + down / map->rows * region->height);
            ck_assert_msg(turns == (weight > level), "(%g, %g) of weight %g is in %d rings", across, down,
                          weight, turns);
        }
}

START_TEST(one_peak_has_one_ring_around_it)
{
    float values[5 * 7] = {[2 * 7 + 3] = 0.5f};
    const struct attention_map map = {values, 5, 7, {100, 50, 700, 250}};
    double x, y;
    trace(&map, 0.5);
    ck_assert_uint_eq(contours.ring_count, 1);
    ck_assert_uint_eq(contours.point_count, 4 * 4 + 1);
    attention_peak(&map, &x, &y);
    ck_assert_int_eq(winding(x, y), 1); /* clockwise */
    /* Half a cell to each side, and (1 - u)(1 - u) = 1/2 on the diagonal. */
    double right = 0, low = 0, diagonal = 0;
    for (size_t i = 0; i < contours.point_count; i++) {
        right = fmax(right, contours.points[i].x);
        low = fmax(low, contours.points[i].y);
        diagonal = fmax(diagonal, fmin((contours.points[i].x - x) / 100, (contours.points[i].y - y) / 50));
    }
    ck_assert_double_eq_tol(right, x + 50, 1e-9);
    ck_assert_double_eq_tol(low, y + 25, 1e-9);
    ck_assert_double_eq_tol(diagonal, 1 - sqrt(0.5), 0.06);
    contours_finish(&contours);
}
END_TEST

START_TEST(two_peaks_have_a_ring_each_or_one_together)
{
    float values[6 * 9] = {[2 * 9 + 2] = 0.4f, [3 * 9 + 6] = 0.3f, [2 * 9 + 4] = 0.1f, [3 * 9 + 4] = 0.1f};
    const struct attention_map map = {values, 6, 9, {0, 53.448, 512, 513.1}};
    trace(&map, 0.5);
    ck_assert_uint_eq(contours.ring_count, 2);
    contours_finish(&contours);
    trace(&map, 0.8);
    ck_assert_uint_eq(contours.ring_count, 1); /* the lower one is under it */
    contours_finish(&contours);
    values[2 * 9 + 3] = values[2 * 9 + 4] = values[3 * 9 + 5] = values[3 * 9 + 4] = 0.25f;
    trace(&map, 0.5);
    ck_assert_uint_eq(contours.ring_count, 1);
    contours_finish(&contours);
}
END_TEST

/* At a border the ring runs along it. */
START_TEST(a_peak_at_the_border_has_a_ring_closed_along_it)
{
    static const size_t places[] = {0, 3, 7, 12, 15, 8}; /* of 4 x 4: corners and sides */
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        float values[4 * 4] = {0};
        values[places[i]] = 1;
        const struct attention_map map = {values, 4, 4, {10, 20, 400, 400}};
        double on_border = 0;
        trace(&map, 0.5);
        ck_assert_uint_eq(contours.ring_count, 1);
        for (size_t k = 0; k < contours.point_count; k++)
            on_border += contours.points[k].x == 10 || contours.points[k].x == 410 ||
                         contours.points[k].y == 20 || contours.points[k].y == 420;
        ck_assert_double_ge(on_border, 3);
        contours_finish(&contours);
    }
}
END_TEST

START_TEST(a_flat_map_has_the_regions_border_and_an_empty_one_nothing)
{
    float values[3 * 3];
    for (size_t i = 0; i < 9; i++)
        values[i] = 1.0f / 9;
    const struct attention_map map = {values, 3, 3, {5, 6, 30, 60}};
    trace(&map, 0.5);
    ck_assert_uint_eq(contours.ring_count, 1);
    double left = 1e9, right = 0, top = 1e9, bottom = 0;
    for (size_t i = 0; i < contours.point_count; i++) {
        left = fmin(left, contours.points[i].x);
        right = fmax(right, contours.points[i].x);
        top = fmin(top, contours.points[i].y);
        bottom = fmax(bottom, contours.points[i].y);
    }
    ck_assert(left == 5 && right == 35 && top == 6 && bottom == 66);
    contours_finish(&contours);
    memset(values, 0, sizeof values);
    attention_contours(&map, 0.5, &contours);
    ck_assert_uint_eq(contours.ring_count, 0);
    contours_finish(&contours);
    values[0] = 1; /* one cell is all of a map */
    const struct attention_map one = {values, 1, 1, {5, 6, 30, 60}};
    trace(&one, 0.9);
    ck_assert_uint_eq(contours.ring_count, 1);
    contours_finish(&contours);
}
END_TEST

START_TEST(a_hole_has_a_ring_the_other_way)
{
    float values[5 * 5];
    for (size_t i = 0; i < 25; i++)
        values[i] = 1;
    values[12] = 0;
    const struct attention_map map = {values, 5, 5, {0, 0, 50, 50}};
    trace(&map, 0.5);
    ck_assert_uint_eq(contours.ring_count, 2);
    ck_assert_int_eq(winding(25, 25), 0);
    ck_assert_int_eq(winding(5, 25), 1);
    contours_finish(&contours);
}
END_TEST

/* Squares whose corners alternate: the saddle says whether the larger weights meet. */
START_TEST(saddles_pair_as_the_interpolated_map_does)
{
    const float weights[4] = {1, 0.1f, 0.1f, 1}, turned[4] = {0.1f, 1, 1, 0.1f};
    const float even[4] = {1, 0, 0, 1}, *const both[] = {weights, turned};
    for (size_t i = 0; i < 2; i++) {
        const struct attention_map map = {both[i], 2, 2, {0, 0, 40, 40}};
        trace(&map, 0.54); /* the saddle is at (1 - 0.01) / 1.8 = 0.55 */
        ck_assert_uint_eq(contours.ring_count, 1);
        contours_finish(&contours);
        trace(&map, 0.56);
        ck_assert_uint_eq(contours.ring_count, 2);
        contours_finish(&contours);
    }
    const struct attention_map map = {even, 2, 2, {0, 0, 40, 40}};
    trace(&map, 0.5); /* of the saddle's own weight: two corners that touch */
    ck_assert_uint_eq(contours.ring_count, 2);
    contours_finish(&contours);
}
END_TEST

/* Where a line is straight and in the square's middle, the one it would meet is beyond the square. */
START_TEST(a_straight_line_between_bent_ones_stays_in_its_square)
{
    static const float values[][4] = {{0, 1, 0.25f, 0.75f}, {0, 0.25f, 1, 0.75f}, {0.25f, 0.75f, 0, 1}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct attention_map map = {values[i], 2, 2, {0, 0, 40, 40}};
        trace(&map, 0.5);
        ck_assert_uint_eq(contours.ring_count, 1);
        contours_finish(&contours);
    }
}
END_TEST

/* Weights that are the level itself make no rings without an area. */
START_TEST(weights_of_the_level_itself_are_no_rings)
{
    float values[5 * 5] = {[6] = 0.5f, [7] = 0.5f, [18] = 1};
    const struct attention_map map = {values, 5, 5, {0, 0, 50, 50}};
    trace(&map, 0.5);
    ck_assert_uint_eq(contours.ring_count, 1);
    contours_finish(&contours);
    for (size_t i = 0; i < 25; i++)
        values[i] = 1;
    values[12] = values[13] = 0.5f; /* a hole of none */
    trace(&map, 0.5);
    ck_assert_uint_eq(contours.ring_count, 1);
    contours_finish(&contours);
}
END_TEST

START_TEST(noise_is_divided_everywhere)
{
    enum { ROWS = 12, COLUMNS = 17 };
    for (uint32_t seed = 1; seed <= 8; seed++) {
        struct image noise = picture_draw(seed, COLUMNS, ROWS, seed % 3);
        float values[ROWS * COLUMNS];
        for (size_t i = 0; i < ROWS * COLUMNS; i++)
            values[i] = (float)noise.pixels[3 * i] / 255;
        const struct attention_map map = {values, ROWS, COLUMNS, {1.5, 2.5, 340, 300}};
        static const double levels[] = {0.1, 0.5, 0.9};
        for (size_t i = 0; i < 3; i++) {
            trace(&map, levels[i]);
            contours_finish(&contours);
        }
        image_finish(&noise);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {one_peak_has_one_ring_around_it,
                                  two_peaks_have_a_ring_each_or_one_together,
                                  a_peak_at_the_border_has_a_ring_closed_along_it,
                                  a_flat_map_has_the_regions_border_and_an_empty_one_nothing,
                                  a_hole_has_a_ring_the_other_way,
                                  saddles_pair_as_the_interpolated_map_does,
                                  a_straight_line_between_bent_ones_stays_in_its_square,
                                  weights_of_the_level_itself_are_no_rings,
                                  noise_is_divided_everywhere};
    return run_cases("image/contour", tests, NULL, sizeof tests / sizeof *tests);
}
