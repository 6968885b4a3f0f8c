#include "api/options.h"
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;
static struct engine *engine;
static const struct model_card *card;

static void begin(void)
{
    arena = arena_create();
    ck_assert(!engine_create(&(struct engine_options){.model = "demo"}, NULL, &engine));
    card = engine_card(engine);
}

static void end(void)
{
    engine_destroy(&engine);
    arena_destroy(&arena);
}

/* Resolves "name=value" pairs. */
static enum status resolve(const char *const *pairs, struct failure *failure, struct options *out)
{
    struct option_list list = {.known = predict_option_names};
    for (; *pairs; pairs++) {
        char *name = arena_copy_text(arena, *pairs, strcspn(*pairs, "="));
        enum status status =
            option_add(&list, arena, name, text_split(arena, strchr(*pairs, '=') + 1), failure);
        if (status)
            return status;
    }
    return options_resolve(arena, card, &list, failure, out);
}
#define RESOLVE(failure, out, ...) resolve((const char *const[]){__VA_ARGS__, NULL}, failure, out)

START_TEST(nothing_given_means_the_defaults)
{
    struct options options;
    ck_assert(!resolve((const char *const[]){NULL}, NULL, &options));
    ck_assert(options.heads[0] && options.heads[1] && options.heads[2]);
    ck_assert_int_eq(options.attention, ATTENTION_GRID);
    ck_assert_int_eq(options.choice, ATTENTION_POSITIVE);
    ck_assert_double_eq(options_threshold(&options, &card->heads[0].labels[0]), 0.9);
    ck_assert(!options.flip);
}
END_TEST

START_TEST(what_is_given_is_taken)
{
    struct options options;
    ck_assert(!RESOLVE(NULL, &options, "heads=cardiac, findings", "attention=overlay", "attention_for=top:3",
                       "threshold=0.25", "model=demo"));
    ck_assert(options.heads[0] && options.heads[1] && !options.heads[2]);
    ck_assert_int_eq(options.attention, ATTENTION_OVERLAY);
    ck_assert_int_eq(options.choice, ATTENTION_TOP);
    ck_assert_uint_eq(options.top, 3);
    ck_assert_double_eq(options_threshold(&options, &card->heads[0].labels[0]), 0.25);
    ck_assert(!RESOLVE(NULL, &options, "attention_for=Mass,area_lost"));
    ck_assert_int_eq(options.choice, ATTENTION_LABELS);
    ck_assert(!options.flip);
    ck_assert(!RESOLVE(NULL, &options, "flip=true") && options.flip);
    ck_assert(!RESOLVE(NULL, &options, "flip=false") && !options.flip);
    ck_assert_double_eq(options.level, 0.5);
    ck_assert(!RESOLVE(NULL, &options, "level=0.25", "attention=contour"));
    ck_assert_int_eq(options.attention, ATTENTION_CONTOUR);
    ck_assert_double_eq(options.level, 0.25);
    ck_assert(!options_picture(&options));
    ck_assert(!options.render_side && !options_picture(&options));
    ck_assert(!RESOLVE(NULL, &options, "render=png") && options_picture(&options));
    ck_assert_uint_eq(options.render_side, 2048);
    ck_assert_uint_eq(options.picture_side, 1024);
    ck_assert(!RESOLVE(NULL, &options, "render=png", "size=99") && options.render_side == 99);
    ck_assert(!RESOLVE(NULL, &options, "attention_for=Mass,area_lost"));
    const bool wanted[6] = {false, false, true, false, true, false};
    ck_assert(!memcmp(options.labels, wanted, sizeof wanted));
}
END_TEST

START_TEST(what_is_wrong_is_named_with_what_there_is)
{
    static const char *const wrong[][2] = {
        {"headz=x", "Unknown option 'headz'; there are: heads, attention, attention_for, level, size, "
                    "threshold, flip, views, render, dicom_profile, identifiers, require_quality, model."},
        {"render=jpg", "The option 'render' cannot be 'jpg'; there are: png."},
        {"dicom_profile=x", "The option 'dicom_profile' cannot be 'x'; there are: mimic, voi."},
        {"identifiers=name", "The option 'identifiers' cannot be 'name'; there are: uids."},
        {"heads=findings,lungs", "Unknown head 'lungs'; there are: findings, cardiac, extra."},
        {"heads=", "The option 'heads' has no value."},
        {"attention=map", "cannot be 'map'; there are: none, grid, png, overlay, contour."},
        {"level=0", "'level' must be a number over 0 and under 1, a part of the map's maximum, not '0'."},
        {"level=1", "not '1'."},
        {"level=half", "not 'half'."},
        {"level=0.2,0.4", "The option 'level' takes one value, not 2."},
        {"attention=grid,png", "The option 'attention' takes one value, not 2."},
        {"attention_for=Oedema",
         "finds no label 'Oedema'; there are: Normal, Edema, Mass, Nodule, area_lost."},
        {"attention_for=Tuberculosis", "its head is linear"},
        {"attention_for=top:0", "whole number from 1 to 100000 after 'top:', not '0'."},
        {"attention_for=top:x", "not 'x'."},
        {"attention_for=all,Mass", "finds no label 'all'"},
        {"size=15", "'size' must be a whole number of pixels between 16 and 2048, not '15'."},
        {"size=2049", "between 16 and 2048"},
        {"size=99.5", "whole number of pixels"},
        {"size=large", "whole number of pixels"},
        {"size=64,64", "'size' takes one value, not 2."},
        {"threshold=1.5", "'threshold' must be a number between 0 and 1, not '1.5'."},
        {"threshold=half", "between 0 and 1"},
        {"flip=yes", "The option 'flip' must be true or false, not 'yes'."},
        {"flip=true,true", "The option 'flip' takes one value, not 2."}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct failure failure = {0};
        struct options options;
        ck_assert_int_eq(RESOLVE(&failure, &options, wrong[i][0]), STATUS_BAD_REQUEST);
        ck_assert_msg(strstr(failure.sentence, wrong[i][1]), "%s: %s", wrong[i][0], failure.sentence);
    }
    struct failure failure = {0};
    struct options options;
    ck_assert(RESOLVE(&failure, &options, "threshold=0.5", "threshold=0.5"));
    ck_assert_ptr_nonnull(strstr(failure.sentence, "given twice"));
    ck_assert(RESOLVE(&failure, &options, "heads=cardiac", "attention_for=Mass"));
    ck_assert_ptr_nonnull(strstr(failure.sentence, "there are: area_lost."));
}
END_TEST

/* Selects among probabilities 0.1 0.9 0.3 0.4 | 0.5 | 0.99 (linear, so it never gets a map). */
static void select_labels(const char *const *pairs, const char *expected)
{
    static float findings[] = {0.1f, 0.9f, 0.3f, 0.4f}, risk[] = {0.5f}, linear[] = {0.99f}, map[] = {1};
    struct head_prediction heads[] = {{.head = &card->heads[0], .probabilities = findings, .attention = map},
                                      {.head = &card->heads[1], .probabilities = risk, .attention = map},
                                      {.head = &card->heads[2], .probabilities = linear}};
    struct prediction prediction = {.heads = heads, .head_count = 3};
    struct options options;
    ck_assert(!resolve(pairs, NULL, &options));
    bool selected[6] = {0};
    options_select(&options, &prediction, selected);
    char text[7] = "";
    for (int i = 0; i < 6; i++)
        text[i] = selected[i] ? '1' : '0';
    ck_assert_msg(!strcmp(text, expected), "%s: %s, not %s", pairs[0], text, expected);
}
#define SELECT(expected, ...) select_labels((const char *const[]){__VA_ARGS__, NULL}, expected)

START_TEST(the_labels_asked_for_get_maps)
{
    SELECT("010110", "threshold=0.4");
    SELECT("010000", "threshold=0.95"); /* the most probable one when none is positive */
    SELECT("000010", "threshold=0.95", "heads=cardiac,extra");
    SELECT("000000", "heads=extra");
    SELECT("111110", "attention_for=all");
    SELECT("111100", "attention_for=all", "heads=findings");
    SELECT("010110", "attention_for=top:3");
    SELECT("111110", "attention_for=top:99");
    SELECT("100010", "attention_for=Normal,area_lost");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("options");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, nothing_given_means_the_defaults);
    tcase_add_test(cases, what_is_given_is_taken);
    tcase_add_test(cases, what_is_wrong_is_named_with_what_there_is);
    tcase_add_test(cases, the_labels_asked_for_get_maps);
    return suite_run("api/options", cases);
}
