/* Position embeddings resized, against torch.nn.functional.interpolate(mode="bicubic") in float64, given
 * scale_factor=(to + 0.1) / from where there is an offset and size=(to, to) where there is none. */
#include "engine/model/position.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float THREE_TO_FIVE[] = {
    -0.9822197f, -0.0263674f, -0.1512610f, -0.3914689f, 0.8350048f,  -0.6415373f, 0.5774998f,  0.2861356f,
    0.0619371f,  1.1922866f,  -0.7313444f, 0.1328785f,  -0.4024594f, -0.1684971f, 0.0550619f,  -0.4627374f,
    0.2516642f,  -0.0872893f, 0.2966880f,  0.3350371f,  -0.3492713f, 0.3951927f,  -0.6765916f, 0.1771062f,
    -0.9101338f, -0.1748661f, -0.1200179f, -0.5211703f, 0.6576865f,  -0.7311975f, -0.0523112f, 0.6716430f,
    -0.4920132f, 0.4678205f,  -0.8439069f, 0.1059610f,  0.0478541f,  -0.3639505f, 0.9510374f,  -0.6822744f,
    0.1046788f,  0.8446788f,  -0.2471018f, 0.6296969f,  -0.5064037f, 0.2755726f,  0.3058357f,  -0.0976352f,
    1.1108511f,  -0.3312336f};
static const float FIVE_TO_THREE[] = {-0.0744852f, -0.3050208f, -0.0611954f, 0.7082803f,  -0.2413945f,
                                      -0.1908499f, -0.2923675f, 0.4821527f,  0.6874662f,  -0.4190046f,
                                      0.0405659f,  -0.2959034f, 0.0580678f,  -0.3567404f, -0.2626193f,
                                      0.6250955f,  0.0170775f,  -0.3389938f};
static const float FOUR_TO_SIX[] = {
    -0.9258333f, -0.5774110f, 0.0992746f,  0.8015602f,  0.1518902f,  -0.7879294f, -0.2729861f, 0.2043164f,
    0.5309570f,  0.1576497f,  -0.0115039f, -0.0157487f, 0.0060417f,  0.5462500f,  0.7020353f,  -0.1962637f,
    -0.1308796f, 0.3215252f,  -0.8945139f, -0.5156250f, 0.0783119f,  0.5263332f,  -0.0097454f, -0.7284002f,
    -0.6154861f, -0.1736914f, 0.2493902f,  0.1724197f,  -0.1291211f, -0.3911263f, 0.0373611f,  0.6080360f,
    0.6810726f,  -0.4714907f, -0.2925152f, 0.3810544f};

/* Grids that are no squares or antialiased, two values a cell (make_reference.py). */
static const struct {
    uint32_t from;
    struct position_target to;
    float expected[64];
} OTHERS[] = {
#include "tests/unit/model/position_reference.inc"
};

static void check_target(uint32_t from, uint32_t width, const struct position_target *to,
                         const float *expected)
{
    float source[128], found[64];
    for (uint32_t i = 0; i < from * from * width; i++)
        source[i] = (float)((i * 37 + 11) % 101) / 50 - 1;
    position_resize(source, from, width, to, found);
    for (uint32_t i = 0; i < to->rows * to->columns * width; i++)
        ck_assert_msg(fabsf(found[i] - expected[i]) < 1e-6f, "value %u: %g, expected %g", i, (double)found[i],
                      (double)expected[i]);
}

static void check_resize(uint32_t from, uint32_t width, uint32_t to, double offset, const float *expected)
{
    check_target(from, width, &(struct position_target){to, to, offset, false}, expected);
}

START_TEST(grows)
{
    check_resize(3, 2, 5, 0.1, THREE_TO_FIVE);
}
END_TEST

START_TEST(shrinks)
{
    check_resize(5, 2, 3, 0.1, FIVE_TO_THREE);
}
END_TEST

START_TEST(takes_no_offset)
{
    check_resize(4, 1, 6, 0, FOUR_TO_SIX);
}
END_TEST

START_TEST(takes_rectangles_and_antialiasing)
{
    check_target(OTHERS[_i].from, 2, &OTHERS[_i].to, OTHERS[_i].expected);
}
END_TEST

START_TEST(copies_an_equal_grid)
{
    float source[18], found[18];
    for (int i = 0; i < 18; i++)
        source[i] = (float)i * 0.37f;
    for (int antialias = 0; antialias < 2; antialias++) {
        memset(found, 0, sizeof found);
        position_resize(source, 3, 2, &(struct position_target){3, 3, 0.1, antialias}, found);
        ck_assert_mem_eq(source, found, sizeof source);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("resize");
    tcase_add_test(cases, grows);
    tcase_add_test(cases, shrinks);
    tcase_add_test(cases, takes_no_offset);
    tcase_add_loop_test(cases, takes_rectangles_and_antialiasing, 0, sizeof OTHERS / sizeof *OTHERS);
    tcase_add_test(cases, copies_an_equal_grid);
    return suite_run("position", cases);
}
