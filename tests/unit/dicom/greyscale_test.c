/* What stored values are shown as, at the edges where formulas part. Whole images are held against DCMTK and
 * NumPy in tests/integration/dicom_test.py. */
#include "engine/dicom/greyscale.h"

#include "engine/base/memory.h"
#include "tests/unit/suite.h"

static uint32_t counts[STORED_VALUES];
static uint8_t table[STORED_VALUES];
static struct greyscale grey;

static void begin(void)
{
    memset(counts, 0, sizeof counts);
    grey = (struct greyscale){.slope = 1};
    for (unsigned value = 100; value <= 200; value++)
        counts[value] = 1;
}

static void show(enum dicom_profile profile)
{
    greyscale_table(&grey, counts, profile, table);
}

/* PS3.3, C.11.2.1.2.1: the example of a width of 100 and a centre of 50, and one of the least width. */
START_TEST(linear_windows_end_where_the_standard_says)
{
    grey.window = (struct window){WINDOW_LINEAR, 50, 100};
    show(DICOM_PROFILE_VOI);
    ck_assert_uint_eq(table[0], 0);
    ck_assert_uint_eq(table[1], 3); /* (1 - 49.5) / 99 + 0.5 of 255, rounded */
    ck_assert_uint_eq(table[98], 252);
    ck_assert_uint_eq(table[99], 255);
    ck_assert_uint_eq(table[65535], 255);
    grey.window = (struct window){WINDOW_LINEAR, 50, 1};
    show(DICOM_PROFILE_VOI);
    ck_assert_uint_eq(table[49], 0);
    ck_assert_uint_eq(table[50], 255);
}
END_TEST

START_TEST(other_windows_are_of_their_own_formulas)
{
    grey.window = (struct window){WINDOW_LINEAR_EXACT, 50, 100};
    show(DICOM_PROFILE_VOI);
    ck_assert_uint_eq(table[0], 0);
    ck_assert_uint_eq(table[50], 128);
    ck_assert_uint_eq(table[100], 255);
    grey.window.function = WINDOW_SIGMOID;
    show(DICOM_PROFILE_VOI);
    ck_assert_uint_eq(table[50], 128);
    ck_assert_uint_eq(table[0], 30); /* 255 / (1 + e^2) */
    ck_assert_uint_eq(table[100], 225);
}
END_TEST

START_TEST(without_a_window_the_picture_s_own_range_is_shown)
{
    show(DICOM_PROFILE_VOI);
    ck_assert_uint_eq(table[100], 0);
    ck_assert_uint_eq(table[150], 128);
    ck_assert_uint_eq(table[200], 255);
    grey.slope = -2; /* which turns it */
    show(DICOM_PROFILE_VOI);
    ck_assert_uint_eq(table[100], 255);
    ck_assert_uint_eq(table[200], 0);
}
END_TEST

START_TEST(signed_values_are_below_zero)
{
    memset(counts, 0, sizeof counts);
    counts[(uint16_t)-100] = counts[100] = 1;
    grey.is_signed = true;
    for (enum dicom_profile profile = DICOM_PROFILE_MIMIC; profile <= DICOM_PROFILE_VOI; profile++) {
        show(profile);
        ck_assert_uint_eq(table[(uint16_t)-100], 0);
        ck_assert_uint_eq(table[100], 255);
    }
}
END_TEST

START_TEST(tables_hold_beyond_their_ends)
{
    uint16_t modality[] = {1000, 2000, 3000}, voi[] = {0, 64, 255};
    grey.modality = (struct lookup){.first = 100, .count = 3, .bits = 16, .entries = modality};
    grey.voi = (struct lookup){.first = 1999, .count = 3, .bits = 8, .entries = voi};
    grey.window = (struct window){WINDOW_LINEAR, 1, 1}; /* does not count beside a table */
    show(DICOM_PROFILE_VOI);
    ck_assert_uint_eq(table[0], 0);     /* 1000, below the table */
    ck_assert_uint_eq(table[101], 64);  /* 2000 */
    ck_assert_uint_eq(table[102], 255); /* 3000 */
    ck_assert_uint_eq(table[9999], 255);
}
END_TEST

START_TEST(monochrome1_is_inverted_once)
{
    grey.is_inverted = true;
    grey.window = (struct window){WINDOW_LINEAR, 150.5, 101};
    show(DICOM_PROFILE_VOI);
    ck_assert_uint_eq(table[100], 255);
    ck_assert_uint_eq(table[200], 0);
    show(DICOM_PROFILE_MIMIC);
    ck_assert_uint_eq(table[100], 255);
    ck_assert_uint_eq(table[200], 0);
}
END_TEST

/* OpenCV's equalizeHist of the levels 0 (of 100), 51 (twice 150), 102 (200): worked out by hand. */
START_TEST(mimic_stretches_truncates_and_equalises)
{
    memset(counts, 0, sizeof counts);
    counts[100] = 2;
    counts[120] = 5;
    counts[121] = 1;
    counts[200] = 2;
    show(DICOM_PROFILE_MIMIC);
    ck_assert_uint_eq(table[100], 0);
    ck_assert_uint_eq(table[120], 159); /* 255 * 5 / 8 = 159.375 */
    ck_assert_uint_eq(table[121], 191); /* 255 * 6 / 8 = 191.25 */
    ck_assert_uint_eq(table[200], 255);
    counts[121] = 0; /* a window changes nothing */
    grey.window = (struct window){WINDOW_LINEAR, 1, 1};
    grey.slope = -7;
    show(DICOM_PROFILE_MIMIC);
    ck_assert_uint_eq(table[120], 182); /* 255 * 5 / 7 = 182.1 */
}
END_TEST

START_TEST(padding_is_black_and_counts_nowhere)
{
    grey.has_padding = true;
    grey.padding_low = 4000;
    grey.padding_high = 4095;
    counts[4000] = counts[4095] = 1000;
    for (int inverted = 0; inverted < 2; inverted++)
        for (enum dicom_profile profile = DICOM_PROFILE_MIMIC; profile <= DICOM_PROFILE_VOI; profile++) {
            grey.is_inverted = inverted;
            show(profile);
            ck_assert_uint_eq(table[4000], 0);
            ck_assert_uint_eq(table[4095], 0);
            ck_assert_uint_eq(table[inverted ? 100 : 200], 255);
            ck_assert_uint_eq(table[inverted ? 200 : 100], 0);
        }
}
END_TEST

/* Nothing to stretch: what comes is refused for want of contrast, and no formula divides by zero. */
START_TEST(a_picture_of_one_value_or_none_has_a_table)
{
    memset(counts, 0, sizeof counts);
    for (int count = 0; count < 2; count++) {
        counts[7] = (uint32_t)count;
        for (enum dicom_profile profile = DICOM_PROFILE_MIMIC; profile <= DICOM_PROFILE_VOI; profile++) {
            show(profile);
            ck_assert_uint_eq(table[7], 0);
        }
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("greyscale");
    tcase_add_checked_fixture(cases, begin, NULL);
    tcase_add_test(cases, linear_windows_end_where_the_standard_says);
    tcase_add_test(cases, other_windows_are_of_their_own_formulas);
    tcase_add_test(cases, without_a_window_the_picture_s_own_range_is_shown);
    tcase_add_test(cases, signed_values_are_below_zero);
    tcase_add_test(cases, tables_hold_beyond_their_ends);
    tcase_add_test(cases, monochrome1_is_inverted_once);
    tcase_add_test(cases, mimic_stretches_truncates_and_equalises);
    tcase_add_test(cases, padding_is_black_and_counts_nowhere);
    tcase_add_test(cases, a_picture_of_one_value_or_none_has_a_table);
    return suite_run("dicom/greyscale", cases);
}
