/* An image and its mirror made into one answer: for shapes that are no squares too, and the same either way
 * round. */
#include "engine/flip.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

START_TEST(pixels_change_sides_in_their_rows)
{
    enum { ROWS = 2, COLUMNS = 3 };
    const uint8_t pixels[ROWS * COLUMNS * 3] = {1,  2,  3,  4,  5,  6,  7,  8,  9,
                                                10, 11, 12, 13, 14, 15, 16, 17, 18};
    const uint8_t expected[] = {7, 8, 9, 4, 5, 6, 1, 2, 3, 16, 17, 18, 13, 14, 15, 10, 11, 12};
    uint8_t mirrored[sizeof pixels], back[sizeof pixels];
    flip_pixels(pixels, ROWS, COLUMNS, mirrored);
    ck_assert(!memcmp(mirrored, expected, sizeof expected));
    flip_pixels(mirrored, ROWS, COLUMNS, back);
    ck_assert(!memcmp(back, pixels, sizeof pixels));
}
END_TEST

START_TEST(means_are_exact_and_the_same_either_way_round)
{
    const float a[] = {1, -3, 3e38f, 1e-45f, 0.1f, 16777216}, b[] = {2, 3, 3e38f, 3e-45f, 0.3f, 1};
    float ab[6], ba[6];
    memcpy(ab, a, sizeof a);
    memcpy(ba, b, sizeof b);
    ck_assert(flip_mean(ab, b, 6));
    ck_assert(flip_mean(ba, a, 6));
    ck_assert(!memcmp(ab, ba, sizeof ab));
    ck_assert_float_eq(ab[0], 1.5f);
    ck_assert_float_eq(ab[1], 0);
    ck_assert_float_eq(ab[2], 3e38f); /* the sum is no float */
    ck_assert_float_eq(ab[5], 8388608.5f);
}
END_TEST

START_TEST(maps_are_mirrored_back)
{
    enum { ROWS = 2, COLUMNS = 3 };
    float maps[2 * ROWS * COLUMNS] = {0, 2, 4, 6, 8, 10, 1, 0, 0, 0, 0, 0};
    const float mirrored[2 * ROWS * COLUMNS] = {8, 6, 4, 2, 2, 2, 0, 0, 0, 0, 0, 1};
    const float expected[] = {2, 4, 6, 4, 5, 6, 0.5f, 0, 0, 0.5f, 0, 0};
    ck_assert(flip_mean_maps(maps, mirrored, 2, ROWS, COLUMNS));
    ck_assert(!memcmp(maps, expected, sizeof expected));
}
END_TEST

START_TEST(a_number_of_the_mirror_that_is_not_finite_is_told)
{
    for (int i = 0; i < 4; i++) {
        float values[4] = {1, 2, 3, 4}, mirrored[4] = {1, 2, 3, 4};
        mirrored[i] = i % 2 ? INFINITY : NAN;
        ck_assert(!flip_mean(values, mirrored, 4));
        ck_assert(!isfinite(values[i]));
        float maps[4] = {1, 2, 3, 4};
        ck_assert(!flip_mean_maps(maps, mirrored, 1, 2, 2));
        ck_assert(!isfinite(maps[i ^ 1]));
    }
}
END_TEST

static float *copy(const float *values, size_t count)
{
    float *out = memory_allocate(count, sizeof *out);
    memcpy(out, values, count * sizeof *out);
    return out;
}

/* The answer of a GLoRI head with one label and a grid of 1 x 4, and of a linear one. */
static struct answer answer_of(const float logits[2], const float map[4], size_t device, double ms)
{
    struct answer answer = {.head_count = 2, .device = device, .queue_ms = ms, .inference_ms = 10 - ms};
    answer.logits = memory_allocate(2, sizeof *answer.logits);
    answer.attention = memory_allocate(2, sizeof *answer.attention);
    for (size_t i = 0; i < 2; i++)
        answer.logits[i] = copy(&logits[i], 1);
    answer.attention[0] = copy(map, 4);
    answer.class_token = copy(logits, 1);
    return answer;
}

START_TEST(two_answers_become_one)
{
    const struct head_card heads[] = {{.type = HEAD_GLORI, .label_count = 1},
                                      {.type = HEAD_LINEAR, .label_count = 1}};
    const struct model_card card = {.backbone = {.patch_size = 16, .image_height = 16, .image_width = 64},
                                    .heads = heads,
                                    .head_count = 2};
    struct answer answer = answer_of((float[]){1, 5}, (float[]){1, 0, 0, 0}, 0, 3);
    struct answer mirrored = answer_of((float[]){2, 7}, (float[]){0, 0, 0, 1}, 1, 4);
    flip_merge(&card, &answer, &mirrored);
    ck_assert_float_eq(answer.logits[0][0], 1.5f);
    ck_assert_float_eq(answer.logits[1][0], 6);
    ck_assert_float_eq(answer.attention[0][0], 1);
    ck_assert_float_eq(answer.class_token[0], 1);
    ck_assert_double_eq(answer.queue_ms, 4);
    ck_assert_double_eq(answer.inference_ms, 7);
    ck_assert_uint_eq(answer.device, 0);
    ck_assert_ptr_null(mirrored.logits);
    mirrored = answer_of((float[]){2, 7}, (float[]){0, NAN, 0, 0}, 1, 4);
    flip_merge(&card, &answer, &mirrored);
    ck_assert_uint_eq(answer.device, 1); /* which failed */
    answer_finish(&answer);
}
END_TEST

START_TEST(a_quality_head_judges_the_image_as_it_is)
{
    const struct head_card heads[] = {{.type = HEAD_GLORI, .label_count = 1},
                                      {.kind = HEAD_QUALITY, .type = HEAD_LINEAR, .label_count = 1}};
    const struct model_card card = {.backbone = {.patch_size = 16, .image_height = 16, .image_width = 64},
                                    .heads = heads,
                                    .head_count = 2};
    struct answer answer = answer_of((float[]){1, 5}, (float[]){1, 0, 0, 0}, 0, 3);
    struct answer mirrored = answer_of((float[]){2, 7}, (float[]){0, 0, 0, 1}, 1, 4);
    flip_merge(&card, &answer, &mirrored);
    ck_assert_float_eq(answer.logits[0][0], 1.5f);
    ck_assert_float_eq(answer.logits[1][0], 5);
    answer_finish(&answer);
}
END_TEST

START_TEST(each_image_needs_two_places)
{
    struct failure failure;
    ck_assert_int_eq(flip_check(true, 64, 128, &failure), STATUS_OK);
    ck_assert_int_eq(flip_check(false, 64, 64, &failure), STATUS_OK);
    ck_assert_int_eq(flip_check(true, 64, 127, &failure), STATUS_TOO_LARGE);
    ck_assert_str_eq(failure.sentence,
                     "With 'flip' the request's 64 images need two places each in the queue, "
                     "which holds at most 127; send fewer at once, or ask without 'flip'.");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("flip");
    tcase_add_test(cases, pixels_change_sides_in_their_rows);
    tcase_add_test(cases, means_are_exact_and_the_same_either_way_round);
    tcase_add_test(cases, maps_are_mirrored_back);
    tcase_add_test(cases, a_number_of_the_mirror_that_is_not_finite_is_told);
    tcase_add_test(cases, two_answers_become_one);
    tcase_add_test(cases, a_quality_head_judges_the_image_as_it_is);
    tcase_add_test(cases, each_image_needs_two_places);
    return suite_run("engine/flip", cases);
}
