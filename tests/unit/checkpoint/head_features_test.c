/* What a linear head reads, told from its inputs. */
#include "engine/checkpoint/head_features.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>

static struct failure failure;

/* On a backbone of width 64 and five blocks. */
static enum status choose(size_t inputs, enum head_form form, const char *candidate,
                          const struct import_head *asked, struct head_features *out)
{
    const struct backbone_card backbone = {.width = 64, .depth = 5};
    static const struct import_head nothing;
    failure.sentence[0] = '\0';
    return head_features_choose(inputs, &backbone, form, candidate, asked ? asked : &nothing, &failure, out);
}

START_TEST(published_heads_say_what_they_read)
{
    static const struct {
        enum head_form form;
        size_t units;
        const char *candidate;
        struct head_features features;
    } cases[] = {
        {FORM_DINOV2, 2, "", {1, true}},
        {FORM_DINOV2, 5, "", {4, true}},
        {FORM_TRANSFORMERS, 2, "", {1, true}},
        {FORM_TIMM, 1, "", {1, false}},
        {FORM_DINOV2, 1, "", {1, false}}, /* nothing else has so many inputs */
        {FORM_AUTHORS, 1, "", {1, false}},
        {FORM_AUTHORS, 4, "", {4, false}},
        {FORM_AUTHORS, 5, "", {4, true}},
        {FORM_AUTHORS, 3, "linear:blocks=3:avgpool=False:lr=1", {3, false}},
        {FORM_AUTHORS, 3, "linear:blocks=2:avgpool=True:lr=1", {2, true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct head_features features;
        ck_assert_msg(!choose(cases[i].units * 64, cases[i].form, cases[i].candidate, NULL, &features),
                      "%zu: %s", i, failure.sentence);
        ck_assert_uint_eq(features.blocks, cases[i].features.blocks);
        ck_assert_int_eq(features.average_pool, cases[i].features.average_pool);
    }
}
END_TEST

START_TEST(what_can_be_read_in_two_ways_is_asked_for)
{
    static const struct {
        enum head_form form;
        size_t units;
    } cases[] = {
        {FORM_TIMM, 2}, {FORM_DINOV2, 3}, {FORM_DINOV2, 4}, {FORM_TRANSFORMERS, 5}, {FORM_AUTHORS, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct head_features features;
        const size_t units = cases[i].units;
        char expected[FAILURE_SENTENCE_BYTES];
        snprintf(
            expected, sizeof expected,
            "Its linear layer takes %zu features, %zu times the backbone's width, which can be read in two "
            "ways: say features=class,blocks=%zu or features=class+mean,blocks=%zu in --head.",
            units * 64, units, units, units - 1);
        ck_assert_int_eq(choose(units * 64, cases[i].form, "", NULL, &features), STATUS_BAD_REQUEST);
        ck_assert_str_eq(failure.sentence, expected);
        const struct import_head mean = {.features = IMPORT_CLASS_MEAN}, blocks = {.blocks = (uint32_t)units};
        ck_assert(!choose(units * 64, cases[i].form, "", &mean, &features));
        ck_assert(features.average_pool && features.blocks == units - 1);
        ck_assert(!choose(units * 64, cases[i].form, "", &blocks, &features));
        ck_assert(!features.average_pool && features.blocks == units);
    }
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    struct head_features features;
    const struct import_head wrong = {.features = IMPORT_CLASS, .blocks = 3},
                             mean = {.features = IMPORT_CLASS_MEAN};
    static const char named[] = "linear:blocks=2:avgpool=False:lr=1";
    ck_assert_int_eq(choose(100, FORM_DINOV2, "", NULL, &features), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence,
                     "Its linear layer takes 100 features, which no tokens of 5 blocks of width "
                     "64 give: it was trained on another backbone.");
    ck_assert_int_eq(choose(7 * 64, FORM_DINOV2, "", NULL, &features), STATUS_INVALID_FILE);
    ck_assert_int_eq(choose(0, FORM_DINOV2, "", NULL, &features), STATUS_INVALID_FILE);
    ck_assert_int_eq(choose(128, FORM_DINOV2, "", &wrong, &features), STATUS_BAD_REQUEST);
    ck_assert_str_eq(
        failure.sentence,
        "Its linear layer takes 128 features, 2 times the backbone's width, which is not what --head "
        "says: it can be features=class,blocks=2 or features=class+mean,blocks=1.");
    ck_assert_int_eq(choose(64, FORM_TIMM, "", &mean, &features), STATUS_BAD_REQUEST);
    ck_assert_str_eq(failure.sentence,
                     "Its linear layer takes 64 features, 1 times the backbone's width, which is "
                     "not what --head says: it can be features=class,blocks=1.");
    ck_assert_int_eq(choose(4 * 64, FORM_AUTHORS, named, NULL, &features), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence,
                     "Tensor 'linear.weight' takes the features of two views, which is not supported.");
    ck_assert_int_eq(choose(3 * 64, FORM_AUTHORS, named, NULL, &features), STATUS_INVALID_FILE);
    ck_assert_int_eq(choose(2 * 64, FORM_AUTHORS, named, &mean, &features), STATUS_BAD_REQUEST);
    ck_assert_str_eq(
        failure.sentence,
        "The candidate's name says features=class,blocks=2, and --head something else: leave it out.");
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, published_heads_say_what_they_read);
    tcase_add_test(all, what_can_be_read_in_two_ways_is_asked_for);
    tcase_add_test(all, what_does_not_fit_is_refused);
    return suite_run("head_features", all);
}
