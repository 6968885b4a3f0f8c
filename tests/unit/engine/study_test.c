/* The answers of a study's images made into one: heads of two views add their halves, the rest is the
 * frontal's. */
#include "engine/study.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = 3 };
static const struct head_card heads[HEADS] = {{.type = HEAD_GLORI, .label_count = 1},
                                              {.type = HEAD_LINEAR, .label_count = 2, .two_views = true},
                                              {.type = HEAD_LINEAR, .label_count = 1}};
static const struct model_card card = {.heads = heads, .head_count = HEADS};

static float *copy(const float *values, size_t count)
{
    float *made = malloc(count * sizeof *made);
    memcpy(made, values, count * sizeof *made);
    return made;
}

/* values: of the heads, one after the other, 1 + 4 + 1. */
static struct answer answer_of(const float *values, size_t device, double ms)
{
    struct answer answer = {.head_count = HEADS,
                            .logits = malloc(HEADS * sizeof(float *)),
                            .attention = calloc(HEADS, sizeof(float *)),
                            .class_token = copy(values, 1),
                            .mean = copy(values, 1),
                            .queue_ms = ms,
                            .inference_ms = 10 - ms,
                            .device = device};
    for (size_t i = 0; i < HEADS; values += head_outputs(&heads[i++]))
        answer.logits[i] = copy(values, head_outputs(&heads[i]));
    return answer;
}

static const float FRONTAL[] = {1, 10, 20, 300, 400, 7}, LATERAL[] = {2, 1000, 2000, 0.5f, 0.25f, 8};

START_TEST(outputs_are_twice_as_many_for_two_views)
{
    ck_assert_uint_eq(head_outputs(&heads[0]), 1);
    ck_assert_uint_eq(head_outputs(&heads[1]), 4);
    ck_assert_uint_eq(pairing_images(PAIRING_NONE), 1);
    ck_assert_uint_eq(pairing_images(PAIRING_VIEWS), 2);
    ck_assert_uint_eq(pairing_images(PAIRING_FRONTAL), 1);
}
END_TEST

START_TEST(a_pair_adds_what_each_is)
{
    struct answer frontal = answer_of(FRONTAL, 0, 3), lateral = answer_of(LATERAL, 1, 4);
    study_merge(&card, PAIRING_VIEWS, &frontal, &lateral);
    ck_assert_float_eq(frontal.logits[0][0], 1);
    ck_assert_float_eq(frontal.logits[1][0], 10.5f);
    ck_assert_float_eq(frontal.logits[1][1], 20.25f);
    ck_assert_float_eq(frontal.logits[2][0], 7);
    ck_assert_float_eq(frontal.class_token[0], 1);
    ck_assert_double_eq(frontal.queue_ms, 4);
    ck_assert_double_eq(frontal.inference_ms, 7);
    ck_assert_uint_eq(frontal.device, 0);
    ck_assert_ptr_null(lateral.logits); /* released */
    answer_finish(&frontal);
}
END_TEST

START_TEST(the_frontal_twice_adds_its_own_halves)
{
    struct answer frontal = answer_of(FRONTAL, 0, 3);
    study_merge(&card, PAIRING_FRONTAL, &frontal, NULL);
    ck_assert_float_eq(frontal.logits[1][0], 310);
    ck_assert_float_eq(frontal.logits[1][1], 420);
    ck_assert_float_eq(frontal.logits[2][0], 7);
    answer_finish(&frontal);
}
END_TEST

START_TEST(without_pairs_no_half_is_left)
{
    struct answer frontal = answer_of(FRONTAL, 0, 3);
    study_merge(&card, PAIRING_NONE, &frontal, NULL);
    ck_assert_ptr_null(frontal.logits[1]);
    ck_assert_float_eq(frontal.logits[0][0], 1);
    ck_assert_float_eq(frontal.logits[2][0], 7);
    answer_finish(&frontal);
}
END_TEST

START_TEST(the_device_of_a_lateral_that_is_not_finite_is_told)
{
    float bad[] = {2, 1000, 2000, 0.5f, INFINITY, 8}, elsewhere[] = {NAN, NAN, NAN, 0.5f, 0.25f, NAN};
    struct answer frontal = answer_of(FRONTAL, 0, 3), lateral = answer_of(bad, 1, 4);
    study_merge(&card, PAIRING_VIEWS, &frontal, &lateral);
    ck_assert(!isfinite(frontal.logits[1][1]));
    ck_assert_uint_eq(frontal.device, 1);
    answer_finish(&frontal);
    frontal = answer_of(FRONTAL, 0, 3);
    lateral = answer_of(elsewhere, 1, 4); /* of which nothing is used */
    study_merge(&card, PAIRING_VIEWS, &frontal, &lateral);
    ck_assert_float_eq(frontal.logits[1][0], 10.5f);
    ck_assert_uint_eq(frontal.device, 0);
    answer_finish(&frontal);
}
END_TEST

START_TEST(a_failure_says_which_view_it_is)
{
    struct failure failure;
    failure_set(&failure, STATUS_UNPROCESSABLE, "It is cut.");
    ck_assert_int_eq(study_blame(PAIRING_FRONTAL, false, &failure), STATUS_UNPROCESSABLE);
    ck_assert_str_eq(failure.sentence, "It is cut.");
    ck_assert_int_eq(study_blame(PAIRING_VIEWS, true, &failure), STATUS_UNPROCESSABLE);
    ck_assert_str_eq(failure.sentence, "The lateral image: It is cut.");
}
END_TEST

static uint32_t warnings_of(enum pairing pairing, bool lateral, enum image_format format, uint32_t warnings)
{
    return study_warnings(pairing, lateral, &(struct image_info){.format = format, .warnings = warnings});
}

START_TEST(a_view_is_warned_of_being_another)
{
    const uint32_t view = IMAGE_WARNING_DICOM * DICOM_REMARK_LATERAL,
                   unknown = IMAGE_WARNING_DICOM * DICOM_REMARK_VIEW_UNKNOWN, other = IMAGE_WARNING_ALPHA,
                   frontal = IMAGE_WARNING_DICOM * DICOM_REMARK_FRONTAL;
    ck_assert_uint_eq(warnings_of(PAIRING_VIEWS, true, IMAGE_DICOM, view | other), other);
    ck_assert_uint_eq(warnings_of(PAIRING_VIEWS, true, IMAGE_DICOM, unknown), 0);
    ck_assert_uint_eq(warnings_of(PAIRING_VIEWS, true, IMAGE_DICOM, other), frontal | other);
    ck_assert_uint_eq(warnings_of(PAIRING_VIEWS, true, IMAGE_PNG, other), other);
    ck_assert_uint_eq(warnings_of(PAIRING_VIEWS, false, IMAGE_DICOM, view | other), view | other);
    ck_assert_uint_eq(warnings_of(PAIRING_VIEWS, false, IMAGE_DICOM, other), other);
    ck_assert_uint_eq(warnings_of(PAIRING_NONE, false, IMAGE_DICOM, view | other), view | other);
    ck_assert_uint_eq(warnings_of(PAIRING_FRONTAL, false, IMAGE_DICOM, view | unknown), view | unknown);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("study");
    tcase_add_test(cases, outputs_are_twice_as_many_for_two_views);
    tcase_add_test(cases, a_view_is_warned_of_being_another);
    tcase_add_test(cases, a_pair_adds_what_each_is);
    tcase_add_test(cases, the_frontal_twice_adds_its_own_halves);
    tcase_add_test(cases, without_pairs_no_half_is_left);
    tcase_add_test(cases, the_device_of_a_lateral_that_is_not_finite_is_told);
    tcase_add_test(cases, a_failure_says_which_view_it_is);
    return suite_run("engine/study", cases);
}
