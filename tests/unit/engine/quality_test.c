/* The input gate: what it says of files, of pixels and of the two together. */
#include "engine/quality.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 40, PIXELS = SIDE * SIDE };
static uint8_t pixels[3 * PIXELS];
static const struct image_info plain = {.format = IMAGE_PNG, .width = SIDE, .height = SIDE};

/* Greys that rise evenly from `low` to `high`. */
static struct frame ramp(int low, int high)
{
    for (int i = 0; i < PIXELS; i++)
        memset(pixels + 3 * i, low + (high - low) * i / (PIXELS - 1), 3);
    return (struct frame){.height = SIDE, .width = SIDE, .pixels = pixels};
}

static uint32_t look(const struct frame *frame)
{
    return quality_look(&plain, frame);
}

START_TEST(a_range_of_greys_is_acceptable)
{
    const struct frame frame = ramp(0, 255);
    ck_assert_uint_eq(look(&frame), 0);
}
END_TEST

START_TEST(what_a_file_says_is_a_reason)
{
    static const struct {
        uint32_t warnings, reasons;
    } cases[] = {
        {IMAGE_WARNING_ROTATION, QUALITY_FILE_EXIF},
        {IMAGE_WARNING_INVERTED, QUALITY_PIXELS_INVERTED},
        {IMAGE_WARNING_DICOM * DICOM_REMARK_LATERAL, QUALITY_FILE_LATERAL},
        {IMAGE_WARNING_DICOM * DICOM_REMARK_FRONTAL, QUALITY_FILE_FRONTAL},
        {IMAGE_WARNING_DICOM * DICOM_REMARK_NOT_CHEST, QUALITY_FILE_NOT_A_CHEST},
        {IMAGE_WARNING_DICOM * DICOM_REMARK_ORIENTATION, QUALITY_FILE_ORIENTATION},
        {IMAGE_WARNING_DICOM * DICOM_REMARK_FOR_PROCESSING, QUALITY_FILE_FOR_PROCESSING},
        {IMAGE_WARNING_DICOM * (DICOM_REMARK_NOT_CHEST | DICOM_REMARK_LATERAL),
         QUALITY_FILE_NOT_A_CHEST | QUALITY_FILE_LATERAL},
        /* What was set right, or says nothing of the picture, is none. */
        {IMAGE_WARNING_DICOM * (DICOM_REMARK_MONOCHROME1 | DICOM_REMARK_VIEW_UNKNOWN | DICOM_REMARK_FRAMES |
                                DICOM_REMARK_DERIVED | DICOM_REMARK_NO_WINDOW | DICOM_REMARK_BURNED_IN),
         0},
        {IMAGE_WARNING_RESCALED | IMAGE_WARNING_ALPHA | IMAGE_WARNING_LOOSE | IMAGE_WARNING_MORE, 0},
    };
    const struct frame frame = ramp(0, 255);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image_info info = plain;
        info.warnings = cases[i].warnings;
        ck_assert_msg(quality_look(&info, &frame) == cases[i].reasons, "case %zu", i);
    }
}
END_TEST

START_TEST(no_radiograph_is_over_twice_as_long_as_wide)
{
    static const struct {
        uint32_t width, height;
        bool wrong;
    } cases[] = {{512, 620, false}, {200, 400, false}, {400, 200, false},
                 {200, 401, true},  {401, 200, true},  {32768, 16, true}};
    const struct frame frame = ramp(0, 255);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct image_info info = {.width = cases[i].width, .height = cases[i].height};
        ck_assert_uint_eq(quality_look(&info, &frame), cases[i].wrong ? QUALITY_PIXELS_PROPORTIONS : 0);
    }
}
END_TEST

START_TEST(a_narrow_range_is_low_contrast)
{
    struct frame frame = ramp(100, 134);
    ck_assert_uint_eq(look(&frame), 0);
    frame = ramp(100, 131);
    ck_assert_uint_eq(look(&frame), QUALITY_PIXELS_CONTRAST);
    memset(pixels, 0, 3); /* a few extreme ones do not help */
    memset(pixels + 3 * (PIXELS - 1), 255, 3);
    ck_assert_uint_eq(look(&frame), QUALITY_PIXELS_CONTRAST);
}
END_TEST

/* Pixels from number `first` on become `level`. */
static void fill(size_t first, uint8_t level)
{
    memset(pixels + 3 * first, level, 3 * (PIXELS - first));
}

START_TEST(mostly_black_or_white_is_a_wrong_exposure)
{
    static const uint8_t ends[] = {0, 2, 253, 255};
    for (size_t i = 0; i < sizeof ends; i++) {
        struct frame frame = ramp(20, 230);
        fill(PIXELS / 3 + 1, ends[i]); /* just no two thirds */
        ck_assert_uint_eq(look(&frame), 0);
        fill(PIXELS / 3 - 1, ends[i]);
        ck_assert_uint_eq(look(&frame), QUALITY_PIXELS_EXPOSURE);
    }
    struct frame frame = ramp(20, 230);
    fill(PIXELS / 3 - 1, 3);
    ck_assert_uint_eq(look(&frame), 0);
    frame = ramp(20, 230); /* both ends together */
    fill(PIXELS / 4, 255);
    fill(PIXELS / 2, 0);
    ck_assert_uint_eq(look(&frame), QUALITY_PIXELS_EXPOSURE);
}
END_TEST

START_TEST(colour_is_a_photograph)
{
    for (int channel = 0; channel < 3; channel++) {
        struct frame frame = ramp(40, 200);
        for (int i = 0; i < PIXELS / 10 + 1; i++)
            pixels[3 * i + channel] = (uint8_t)(pixels[3 * i + channel] + 32);
        ck_assert_uint_eq(look(&frame), 0); /* a tint */
        for (int i = 0; i < PIXELS / 10; i++)
            pixels[3 * i + channel]++;
        ck_assert_uint_eq(look(&frame), 0); /* a coloured marker */
        pixels[3 * (PIXELS / 10) + channel]++;
        ck_assert_uint_eq(look(&frame), QUALITY_PIXELS_COLOUR);
    }
}
END_TEST

/* Each label alone at its threshold; all that a quality head may have. */
START_TEST(a_head_gives_a_score_and_a_reason_a_label)
{
    enum { LABELS = 8 };
    struct label labels[LABELS];
    const struct head_card head = {.kind = HEAD_QUALITY, .labels = labels, .label_count = LABELS};
    for (size_t i = 0; i < LABELS; i++)
        labels[i] = (struct label){.name = quality_label_names[i], .threshold = 0.5};
    ck_assert_ptr_null(quality_label_names[LABELS]);
    for (size_t i = 0; i < LABELS; i++) {
        float probabilities[LABELS] = {0};
        struct quality quality = {.reasons = QUALITY_FILE_LATERAL};
        const char *code, *detail;
        probabilities[(i + 1) % LABELS] = 0.25f;
        probabilities[i] = 0.5f;
        quality_hear(&head, probabilities, &quality);
        ck_assert(quality.scored);
        ck_assert_double_eq_tol(quality.score, 0.375, 1e-12);
        ck_assert(quality.reasons & QUALITY_FILE_LATERAL);
        uint32_t left = quality.reasons & ~(uint32_t)QUALITY_FILE_LATERAL;
        ck_assert(quality_next(&left, &code, &detail));
        ck_assert_str_eq(code, labels[i].name);
        ck_assert_uint_eq(left, 0);
    }
}
END_TEST

START_TEST(each_reason_has_a_code_and_a_detail)
{
    uint32_t left = (1u << QUALITY_REASONS) - 1;
    const char *code, *detail;
    size_t count = 0;
    for (; quality_next(&left, &code, &detail); count++) {
        ck_assert_uint_eq(strspn(code, "abcdefghijklmnopqrstuvwxyz_0123456789"), strlen(code));
        ck_assert_uint_gt(strlen(code), 0);
        ck_assert_int_eq(detail[strlen(detail) - 1], '.');
    }
    ck_assert_uint_eq(count, QUALITY_REASONS);
}
END_TEST

START_TEST(reasons_are_joined_in_their_order)
{
    const struct quality none = {0}, two = {.reasons = QUALITY_FILE_EXIF | QUALITY_PIXELS_COLOUR};
    char *text = quality_join(&none);
    ck_assert_str_eq(text, "");
    free(text);
    text = quality_join(&two);
    ck_assert_ptr_eq(strstr(text, "exif_orientation: The file asks"), text);
    ck_assert_ptr_nonnull(strstr(text, ". colour: Over a tenth"));
    free(text);
}
END_TEST

START_TEST(what_is_required_is_refused_with_all_codes)
{
    const struct quality none = {0}, all = {.reasons = (1u << QUALITY_REASONS) - 1},
                         two = {.reasons =
                                    QUALITY_FILE_LATERAL | QUALITY_PIXELS_INVERTED | QUALITY_SEEN_LATERAL};
    struct failure failure = {0};
    ck_assert_int_eq(quality_require(&none, &failure), STATUS_OK);
    ck_assert_int_eq(quality_require(&two, &failure), STATUS_UNPROCESSABLE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "(lateral, inverted)"));
    ck_assert_ptr_nonnull(strstr(failure.sentence, "The file says that this is a lateral view"));
    ck_assert_int_eq(quality_require(&all, &failure), STATUS_UNPROCESSABLE);
    const size_t length = strlen(failure.sentence);
    ck_assert_uint_lt(length, sizeof failure.sentence - 1); /* nothing was cut off */
    ck_assert_int_eq(failure.sentence[length - 1], '.');
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("quality");
    tcase_add_test(cases, a_range_of_greys_is_acceptable);
    tcase_add_test(cases, what_a_file_says_is_a_reason);
    tcase_add_test(cases, no_radiograph_is_over_twice_as_long_as_wide);
    tcase_add_test(cases, a_narrow_range_is_low_contrast);
    tcase_add_test(cases, mostly_black_or_white_is_a_wrong_exposure);
    tcase_add_test(cases, colour_is_a_photograph);
    tcase_add_test(cases, a_head_gives_a_score_and_a_reason_a_label);
    tcase_add_test(cases, each_reason_has_a_code_and_a_detail);
    tcase_add_test(cases, reasons_are_joined_in_their_order);
    tcase_add_test(cases, what_is_required_is_refused_with_all_codes);
    return suite_run("engine/quality", cases);
}
