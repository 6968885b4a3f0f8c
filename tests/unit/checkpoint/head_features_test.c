/* What a linear head reads, told from its inputs. */
#include "engine/checkpoint/head_features.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>

static struct failure failure;
static enum config_pooling pooling; /* that timm's configuration says */

/* On a backbone of width 64 and five blocks. */
static enum status choose(size_t inputs, enum head_form form, const char *candidate,
                          const struct import_head *asked, struct head_features *out)
{
    const struct backbone_card backbone = {.width = 64, .depth = 5};
    static const struct import_head nothing;
    const struct head_source source = {form, candidate, pooling};
    failure.sentence[0] = '\0';
    return head_features_choose(inputs, &backbone, &source, asked ? asked : &nothing, &failure, out);
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
        {FORM_AUTHORS, 2, "", {1, true}},
        {FORM_AUTHORS, 1, "linear:blocks=1:avgpool=False:lr=1", {1, false}},
        {FORM_DINOV2, 5, "classifier_4_blocks_avgpool_True_lr_0_00100", {4, true}},
        {FORM_DINOV2, 2, "classifier_2_blocks_avgpool_False_lr_0_01000", {2, false}},
        {FORM_DINOV2, 6, "", {5, true}}, /* nothing else has so many inputs */
        {FORM_AUTHORS, 4, "", {4, false}},
        {FORM_AUTHORS, 5, "", {4, true}},
        {FORM_AUTHORS, 3, "linear:blocks=3:avgpool=False:lr=1", {3, false}},
        {FORM_AUTHORS, 3, "linear:blocks=2:avgpool=True:lr=1", {2, true}},
        {FORM_AUTHORS, 8, "linear:blocks=4:avgpool=False:lr=1", {4, false, true}},
        {FORM_AUTHORS, 4, "linear:blocks=1:avgpool=True:lr=1", {1, true, true}},
        {FORM_DINOV2, 12, "", {5, true, true}}, /* more than one image gives, and in one way */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct head_features features;
        ck_assert_msg(!choose(cases[i].units * 64, cases[i].form, cases[i].candidate, NULL, &features),
                      "%zu: %s", i, failure.sentence);
        ck_assert_uint_eq(features.blocks, cases[i].features.blocks);
        ck_assert_int_eq(features.average_pool, cases[i].features.average_pool);
        ck_assert_int_eq(features.two_views, cases[i].features.two_views);
    }
}
END_TEST

START_TEST(what_can_be_read_in_several_ways_is_asked_for)
{
    static const struct {
        enum head_form form;
        size_t units;
        const char *more; /* readings of two views */
    } cases[] = {{FORM_TIMM, 2,
                  ", features=class+mean,blocks=1, features=class,blocks=1,views=2 or features=mean,views=2"},
                 {FORM_DINOV2, 3, " or features=class+mean,blocks=2"},
                 {FORM_DINOV2, 4,
                  ", features=class+mean,blocks=3, features=class,blocks=2,views=2 or "
                  "features=class+mean,blocks=1,views=2"},
                 {FORM_TRANSFORMERS, 5, " or features=class+mean,blocks=4"},
                 {FORM_AUTHORS, 3, " or features=class+mean,blocks=2"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct head_features features;
        const size_t units = cases[i].units;
        static const char *const ways[] = {[2] = "four", [3] = "two", [4] = "four", [5] = "two"};
        char expected[FAILURE_SENTENCE_BYTES];
        snprintf(
            expected, sizeof expected,
            "Its linear layer takes %zu features, %zu times the backbone's width, which can be read in %s "
            "ways: say features=class,blocks=%zu%s in --head.",
            units * 64, units, ways[units], units, cases[i].more);
        ck_assert_int_eq(choose(units * 64, cases[i].form, "", NULL, &features), STATUS_BAD_REQUEST);
        ck_assert_str_eq(failure.sentence, expected);
        const struct import_head mean = {.features = IMPORT_CLASS_MEAN}, blocks = {.blocks = (uint32_t)units};
        ck_assert(!choose(units * 64, cases[i].form, "", &mean, &features));
        ck_assert(features.average_pool && features.blocks == units - 1 && !features.two_views);
        ck_assert(!choose(units * 64, cases[i].form, "", &blocks, &features));
        ck_assert(!features.average_pool && features.blocks == units && !features.two_views);
    }
}
END_TEST

/* Of as many inputs as the backbone is wide nothing tells what they are. */
START_TEST(one_token_is_asked_for)
{
    static const struct {
        enum head_form form;
        const char *candidate;
    } cases[] = {{FORM_TIMM, ""},
                 {FORM_DINOV2, ""},
                 {FORM_TRANSFORMERS, ""},
                 {FORM_AUTHORS, ""},
                 {FORM_AUTHORS, "mine"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct head_features features;
        const struct import_head class = {.features = IMPORT_CLASS}, mean = {.features = IMPORT_MEAN};
        ck_assert_int_eq(choose(64, cases[i].form, cases[i].candidate, NULL, &features), STATUS_BAD_REQUEST);
        ck_assert_str_eq(failure.sentence,
                         "Its linear layer takes 64 features, 1 times the backbone's width, "
                         "which can be read in two ways: say features=class,blocks=1 or "
                         "features=mean in --head.");
        ck_assert(!choose(64, cases[i].form, cases[i].candidate, &class, &features));
        ck_assert(features.blocks == 1 && !features.average_pool);
        ck_assert(!choose(64, cases[i].form, cases[i].candidate, &mean, &features));
        ck_assert(features.blocks == 0 && features.average_pool && !features.two_views);
    }
}
END_TEST

/* A name in no form that is known says nothing, though it has the words. */
START_TEST(names_that_are_not_understood_are_asked_about)
{
    static const char *const names[] = {"linear:blocks=4x:avgpool=False", "linear:blocks=4:lr=0_1",
                                        "classifier_4_blocks_avgpool_Maybe_lr_0_1", "mine"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct head_features features;
        ck_assert_int_eq(choose(4 * 64, FORM_AUTHORS, names[i], NULL, &features), STATUS_BAD_REQUEST);
        ck_assert_int_eq(choose(2 * 64, FORM_DINOV2, names[i], NULL, &features), STATUS_BAD_REQUEST);
    }
}
END_TEST

START_TEST(timms_configuration_says_what_is_pooled)
{
    struct head_features features;
    const struct import_head class = {.features = IMPORT_CLASS};
    pooling = POOLING_CLASS;
    ck_assert(!choose(64, FORM_TIMM, "", NULL, &features));
    ck_assert(features.blocks == 1 && !features.average_pool);
    pooling = POOLING_MEAN;
    ck_assert(!choose(64, FORM_TIMM, "", NULL, &features));
    ck_assert(features.blocks == 0 && features.average_pool);
    ck_assert_int_eq(choose(64, FORM_TIMM, "", &class, &features), STATUS_BAD_REQUEST);
    ck_assert_str_eq(failure.sentence,
                     "Its configuration says features=mean, and --head something else: leave it out.");
    pooling = POOLING_OTHER;
    ck_assert_int_eq(choose(64, FORM_TIMM, "", &class, &features), STATUS_INVALID_FILE);
    ck_assert_str_eq(
        failure.sentence,
        "Its configuration pools by other than the class token (global_pool token) or the mean of "
        "the patch tokens (avg, with fc_norm false), which is not supported.");
    ck_assert(!choose(2 * 64, FORM_DINOV2, "", NULL, &features)); /* it is not of another form */
    pooling = POOLING_NOT_SAID;
}
END_TEST

START_TEST(two_views_are_chosen)
{
    struct head_features features;
    const struct import_head two = {.views = 2}, one = {.views = 1},
                             class_of_two = {.features = IMPORT_CLASS, .views = 2},
                             pooled = {.features = IMPORT_CLASS_MEAN, .views = 2};
    ck_assert_int_eq(choose(2 * 64, FORM_TIMM, "", &two, &features),
                     STATUS_BAD_REQUEST); /* of either token */
    /* of two views nothing is published without a word on what is read */
    ck_assert_int_eq(choose(4 * 64, FORM_AUTHORS, "", &two, &features), STATUS_BAD_REQUEST);
    ck_assert_str_eq(
        failure.sentence,
        "Its linear layer takes 256 features, 4 times the backbone's width, which can be read in "
        "two ways: say features=class,blocks=2,views=2 or features=class+mean,blocks=1,views=2 in "
        "--head.");
    ck_assert_int_eq(choose(8 * 64, FORM_AUTHORS, "", NULL, &features), STATUS_BAD_REQUEST);
    ck_assert_int_eq(choose(10 * 64, FORM_DINOV2, "", NULL, &features), STATUS_BAD_REQUEST);
    ck_assert(!choose(2 * 64, FORM_AUTHORS, "", &class_of_two, &features));
    ck_assert(features.two_views && features.blocks == 1 && !features.average_pool);
    ck_assert(!choose(2 * 64, FORM_AUTHORS, "", &one, &features));
    ck_assert(!features.two_views && features.blocks == 1 && features.average_pool);
    ck_assert(!choose(4 * 64, FORM_DINOV2, "", &pooled, &features));
    ck_assert(features.two_views && features.blocks == 1 && features.average_pool);
    ck_assert_int_eq(choose(3 * 64, FORM_DINOV2, "", &two, &features), STATUS_BAD_REQUEST);
    ck_assert_str_eq(failure.sentence,
                     "Its linear layer takes 192 features, 3 times the backbone's width, which is not what "
                     "--head says: it can be features=class,blocks=3 or features=class+mean,blocks=2.");
    ck_assert_int_eq(choose(8 * 64, FORM_DINOV2, "", &one, &features), STATUS_BAD_REQUEST);
    ck_assert_str_eq(failure.sentence,
                     "Its linear layer takes 512 features, 8 times the backbone's width, which is not what "
                     "--head says: it can be features=class,blocks=4,views=2 or "
                     "features=class+mean,blocks=3,views=2.");
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    struct head_features features;
    const struct import_head wrong = {.features = IMPORT_CLASS, .blocks = 3}, two = {.views = 2},
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
        "says: it can be features=class,blocks=2, features=class+mean,blocks=1, "
        "features=class,blocks=1,views=2 or features=mean,views=2.");
    ck_assert_int_eq(choose(64, FORM_TIMM, "", &mean, &features), STATUS_BAD_REQUEST);
    ck_assert_str_eq(failure.sentence,
                     "Its linear layer takes 64 features, 1 times the backbone's width, which is "
                     "not what --head says: it can be features=class,blocks=1 or features=mean.");
    ck_assert_int_eq(choose(3 * 64, FORM_AUTHORS, named, NULL, &features), STATUS_INVALID_FILE);
    ck_assert_int_eq(choose(2 * 64, FORM_AUTHORS, named, &mean, &features), STATUS_BAD_REQUEST);
    ck_assert_str_eq(
        failure.sentence,
        "The candidate's name and its weights say features=class,blocks=2, and --head something else: leave "
        "it out.");
    ck_assert_int_eq(choose(2 * 64, FORM_AUTHORS, named, &two, &features), STATUS_BAD_REQUEST);
    static const char of_dinov2[] =
        "classifier_1_blocks_avgpool_False_lr_0_01"; /* which trains on one view */
    ck_assert_int_eq(choose(2 * 64, FORM_DINOV2, of_dinov2, NULL, &features), STATUS_INVALID_FILE);
    ck_assert(!choose(2 * 64, FORM_DINOV2, of_dinov2, &two, &features) && features.two_views);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, published_heads_say_what_they_read);
    tcase_add_test(all, what_can_be_read_in_several_ways_is_asked_for);
    tcase_add_test(all, one_token_is_asked_for);
    tcase_add_test(all, names_that_are_not_understood_are_asked_about);
    tcase_add_test(all, timms_configuration_says_what_is_pooled);
    tcase_add_test(all, two_views_are_chosen);
    tcase_add_test(all, what_does_not_fit_is_refused);
    return suite_run("head_features", all);
}
