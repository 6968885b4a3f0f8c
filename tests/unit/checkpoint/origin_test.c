/* Where a network is from: each row of layouts can be reached, heads beside it and the configuration tell,
 * and whoever imports it. */
#include "engine/base/file.h"
#include "engine/checkpoint/import_backbone.h"
#include "engine/checkpoint/names.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(every_row_is_reached)
{
    const struct layout *row;
    size_t count = 0;
    for (; (row = layout_at(count)); count++)
        ck_assert_msg(layout_find(row->needs | (row->bare ? 0 : TRAIT_WRAPPED)) == row, "%s", row->title);
    ck_assert_uint_gt(count, 10);
    ck_assert_uint_eq(layout_at(count - 1)->needs, 0); /* so that there is always one */
}
END_TEST

/* Writes the network and a tensor of this name and shape more. */
static void write_with(const struct published_form *form, const char *name, size_t rows, size_t columns)
{
    struct published published;
    published_begin(&published);
    published_network(&published, form);
    if (name)
        published_add(&published, name, "pos_embed", 0, columns ? 2 : 1, (size_t[]){rows, columns});
    published_write(&published, 0, published.count, backbone);
    published_end(&published);
}

static void check(const struct backbone_options *these, const char *title, const char *profile, double offset,
                  bool antialias, bool assumed)
{
    struct backbone_import found;
    ck_assert_msg(!import_backbone_open(these, &failure, &found), "%s", failure.sentence);
    ck_assert_str_eq(found.layout->title, title);
    ck_assert_str_eq(found.profile.name, profile);
    ck_assert_double_eq(found.card.interpolate_offset, offset);
    ck_assert_int_eq(found.card.interpolate_antialias, antialias);
    ck_assert_int_eq(found.profile_assumed, assumed);
    ck_assert(!found.positions_assumed); /* they are not resized */
    import_backbone_finish(&found);
}

static const char training[] = "DINOv2's, of training";

START_TEST(a_head_beside_it_tells)
{
    const struct published_form wrapped = {PUBLISHED_TIMM, 0, false, "model."},
                                hub = {PUBLISHED_TIMM, 0, false, "backbone."},
                                registers = {PUBLISHED_DINOV2, 4, false, "backbone."};
    const struct backbone_options these = {.path = backbone};
    write_with(&wrapped, NULL, 0, 0);
    check(&these, training, "chexfound", 0.1, false, true);
    write_with(&wrapped, "model.head.weight", 2, PUBLISHED_WIDTH);
    check(&these, "timm's", "dinov2", 0, true, true);
    write_with(&wrapped, "head.weight", 2, PUBLISHED_WIDTH); /* of no network of timm's */
    check(&these, training, "chexfound", 0.1, false, true);
    write_with(&hub, "linear_head.weight", 2, 2 * PUBLISHED_WIDTH);
    check(&these, "that of DINOv2's hub", "dinov2", 0.1, false, false);
    write_with(&registers, "linear_head.weight", 2, 2 * PUBLISHED_WIDTH);
    check(&these, "that of DINOv2's hub, with registers", "dinov2", 0, true, false);
}
END_TEST

START_TEST(whoever_imports_it_tells)
{
    const struct published_form wrapped = {PUBLISHED_TIMM, 0, false, "model."},
                                bare = {PUBLISHED_DINOV2, 0, false, ""},
                                registers = {PUBLISHED_DINOV2, 4, false, "net."},
                                transformers = {PUBLISHED_OLD, 0, false, ""};
    write_with(&wrapped, "model.head.weight", 2,
               PUBLISHED_WIDTH); /* what is said goes before what is shown */
    check(&(struct backbone_options){.path = backbone, .layout = "dinov2"}, "that of DINOv2's hub", "dinov2",
          0.1, false, false);
    check(&(struct backbone_options){.path = backbone, .layout = "chexfound"},
          "CheXFound's and DINOv2's, of training", "chexfound", 0.1, false, false);
    write_with(&registers, NULL, 0, 0);
    check(&(struct backbone_options){.path = backbone, .layout = "dinov2"},
          "that of DINOv2's hub, with registers", "dinov2", 0, true, false);
    write_with(&bare, NULL, 0, 0);
    check(&(struct backbone_options){.path = backbone, .layout = "timm"}, "timm's", "dinov2", 0, true, true);
    options.head_count = 0;
    options.layout = "transformers";
    expect(STATUS_BAD_REQUEST, "--layout is chexfound, dinov2 or timm, not 'transformers'.");
    write_with(&transformers, NULL, 0, 0);
    options.layout = "timm";
    expect(STATUS_BAD_REQUEST,
           "Its files show that its layout is that of transformers' Dinov2: leave --layout out.");
}
END_TEST

START_TEST(what_is_assumed_is_noted)
{
    const struct published_form wrapped = {PUBLISHED_TIMM, 0, false, "model."};
    write_with(&wrapped, NULL, 0, 0);
    options.head_count = 0;
    set_image_size(28); /* two patches, where the grid has three */
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_str_eq(
        note,
        "Nothing says how its pictures are prepared: chexfound is assumed, as is right for CheXFound's own "
        "files; --profile takes another. Nothing says how its positions are resized: without antialiasing, "
        "with an offset "
        "of 0.1, is assumed; --layout takes another origin.");
    empty(output);
    const struct published_form timm = {PUBLISHED_TIMM, 0, false, ""}; /* or a hub's without its mask token */
    write_with(&timm, NULL, 0, 0);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_str_eq(
        note, "Nothing says how its pictures are prepared: dinov2 is assumed; --profile takes "
              "another. Nothing says how its positions are resized: antialiased, with an offset of 0, is "
              "assumed; --layout takes another origin.");
    empty(output);
    options.layout = "timm"; /* which says nothing of pictures */
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_str_eq(note, "Nothing says how its pictures are prepared: dinov2 is assumed; --profile takes "
                           "another.");
    empty(output);
    options.layout = NULL;
    write_with(&wrapped, NULL, 0, 0);
    char *config = file_join(folder, "labels.txt");
    static const char says[] = "{\"interpolate_offset\": 0, \"interpolate_antialias\": true}";
    file_put(config, says, sizeof says - 1);
    options.config = config;
    options.profile = "dinov2";
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_str_eq(note, "");
    free(config);
}
END_TEST

/* A page, an empty object or another kind of file in a configuration's place. */
START_TEST(what_says_nothing_is_refused)
{
    const struct published_form bare = {PUBLISHED_DINOV2, 0, false, ""};
    char *file = file_join(folder, "config.json");
    write_with(&bare, NULL, 0, 0);
    options.head_count = 0;
    set_image_size(0);
    file_put(file, "{}", 2);
    options.config = file;
    expect(STATUS_INVALID_FILE,
           "config.json: It is an empty object, and says nothing: download or copy the file "
           "again, or remove it.");
    options.config = NULL;
    options.preprocessor = file;
    expect(STATUS_INVALID_FILE,
           "config.json: It is an empty object, and says nothing: download or copy the file "
           "again, or remove it.");
    static const char processor[] = "{\"processor_class\": \"LlavaProcessor\"}";
    file_put(file, processor, sizeof processor - 1);
    expect(STATUS_INVALID_FILE, "config.json: It says nothing of how pictures are prepared.");
    options.profile = "dinov2";
    expect(STATUS_BAD_REQUEST, "--profile and --preprocessor both say how pictures are prepared: give one.");
    free(file);
}
END_TEST

START_TEST(a_preprocessors_file_is_given_for_weights_alone)
{
    static const char says[] = "{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 56}";
    const struct published_form wrapped = {PUBLISHED_TIMM, 0, false, "model."};
    char *file = file_join(folder, "labels.txt");
    struct backbone_import found;
    file_put(file, says, sizeof says - 1);
    write_with(&wrapped, NULL, 0, 0);
    const struct backbone_options these = {.path = backbone, .preprocessor = file};
    ck_assert_msg(!import_backbone_open(&these, &failure, &found), "%s", failure.sentence);
    ck_assert_str_eq(found.profile.name, "ViTImageProcessor");
    ck_assert_uint_eq(found.card.image_height, 56);
    ck_assert(!found.profile_assumed && found.positions_assumed);
    import_backbone_finish(&found);
    free(file);
}
END_TEST

/* transformers' and timm's names stand before networks of any preparation, and a file beside weights that are
 * given alone may say another. */
START_TEST(names_of_a_library_do_not_tell_how_pictures_are_prepared)
{
    static const struct {
        enum published_layout layout;
        size_t registers;
        bool assumed;
    } cases[] = {{PUBLISHED_OLD, 0, true},     {PUBLISHED_OLD, 4, true},    {PUBLISHED_NEWER, 0, true},
                 {PUBLISHED_NEWER, 4, true},   {PUBLISHED_TIMM, 4, true},   {PUBLISHED_TIMM, 0, true},
                 {PUBLISHED_DINOV2, 4, false}, {PUBLISHED_DINOV2, 0, false}};
    char *beside = file_join(folder, "preprocessor_config.json"), sentence[160];
    snprintf(sentence, sizeof sentence, "What '%s' says of pictures is not read: --preprocessor takes it.",
             beside);
    options.head_count = 0;
    set_image_size(0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct published_form form = {cases[i].layout, cases[i].registers, false, ""};
        write_with(&form, NULL, 0, 0);
        ck_assert_msg(!import_now(), "%s", failure.sentence);
        ck_assert_msg(!strstr(note, "Nothing says how its pictures are prepared: dinov2 is assumed;") ==
                          !cases[i].assumed,
                      "%zu: %s", i, note);
        ck_assert_ptr_null(strstr(note, "--preprocessor"));
        empty(output);
        file_put(beside, "{}", 2);
        ck_assert_msg(!import_now(), "%s", failure.sentence);
        ck_assert_msg(strstr(note, sentence), "%zu: %s", i, note);
        empty(output);
        ck_assert_int_eq(unlink(beside), 0);
    }
    free(beside);
}
END_TEST

/* What one of them says is not dropped for the other. */
START_TEST(both_configurations_of_a_folder_are_read)
{
    static const char yaml[] = "student: {interpolate_offset: 0.05}\n";
    static const char *const texts[] = {"{\"patch_size\": 16}", "{\"interpolate_offset\": 0.1}",
                                        "{\"layer_norm_eps\": 1e-5}"};
    static const char *const sentences[] = {
        "The configuration says patch_size: 16 but the weights have 14: they do not belong together.",
        "config.yaml and config.json differ in interpolate_offset: give the one that is right as --config, "
        "or "
        "remove "
        "the other.",
        NULL};
    const struct published_form bare = {PUBLISHED_DINOV2, 0, false, ""};
    char *first = file_join(folder, "config.yaml"), *second = file_join(folder, "config.json");
    write_with(&bare, NULL, 0, 0);
    file_put(first, yaml, sizeof yaml - 1);
    options.head_count = 0;
    options.backbone = folder;
    set_image_size(0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct backbone_import found;
        file_put(second, texts[i], strlen(texts[i]));
        if (sentences[i]) {
            expect(STATUS_INVALID_FILE, sentences[i]);
            continue;
        }
        ck_assert_msg(!import_backbone_open(&(struct backbone_options){.path = folder}, &failure, &found),
                      "%s", failure.sentence);
        ck_assert_double_eq(found.card.interpolate_offset, 0.05);
        ck_assert_double_eq(found.card.layer_norm_epsilon, 1e-5);
        import_backbone_finish(&found);
    }
    free(first);
    free(second);
}
END_TEST

/* Two files that prepare pictures differently are not chosen between; a profile is. */
START_TEST(both_preprocessors_of_a_folder_are_read)
{
    static const char first[] = "{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 42}",
                      same[] = "{\"image_processor\": {\"image_processor_type\": \"ViTImageProcessorFast\", "
                               "\"size\": 42}}",
                      other[] = "{\"image_processor\": {\"image_processor_type\": \"ViTImageProcessor\", "
                                "\"size\": 42, \"resample\": 3}}";
    const struct published_form bare = {PUBLISHED_DINOV2, 0, false, ""};
    const struct backbone_options these = {.path = folder}, chosen = {.path = folder, .profile = "dinov2"};
    struct backbone_import found;
    char *lone = file_join(folder, "preprocessor_config.json"),
         *nested = file_join(folder, "processor_config.json");
    write_with(&bare, NULL, 0, 0);
    file_put(lone, first, sizeof first - 1);
    file_put(nested, same, sizeof same - 1);
    ck_assert_msg(!import_backbone_open(&these, &failure, &found), "%s", failure.sentence);
    ck_assert_str_eq(found.profile.name, "ViTImageProcessor");
    import_backbone_finish(&found);
    file_put(nested, other, sizeof other - 1);
    ck_assert_int_eq(import_backbone_open(&these, &failure, &found), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence,
                                 "It prepares pictures in another way than processor_config.json, "
                                 "which lies beside it: give the one that is right as "
                                 "--preprocessor."));
    ck_assert_msg(!import_backbone_open(&chosen, &failure, &found), "%s", failure.sentence);
    import_backbone_finish(&found);
    free(lone);
    free(nested);
}
END_TEST

/* Nine patches in one column are no grid of 3 x 3. */
START_TEST(positions_of_a_rectangle_are_refused)
{
    static const char says[] =
        "{\"architecture\": \"vit_small_patch14_dinov2\", \"model_args\": {\"img_size\": "
        "[126, 14], \"embed_dim\": 64, \"depth\": 2}, \"num_classes\": 0}";
    const struct published_form bare = {PUBLISHED_TIMM, 0, false, ""};
    char *file = file_join(folder, "labels.txt");
    file_put(file, says, sizeof says - 1);
    write_with(&bare, NULL, 0, 0);
    options.config = file;
    options.head_count = 0;
    set_image_size(0);
    expect(STATUS_INVALID_FILE,
           "Its positions are those of an image of 126 x 14: position embeddings that are no "
           "square grid are not supported.");
    free(file);
}
END_TEST

/* Whatever size pictures are cut to: positions were made for timm's own. */
START_TEST(a_preprocessor_does_not_hide_a_rectangle)
{
#define TIMMS \
    "{\"architecture\": \"vit_small_patch14_dinov2\", \"model_args\": {\"embed_dim\": 64, \"depth\": 2}, "
    static const char *const says[] = {TIMMS "\"pretrained_cfg\": {\"input_size\": [3, 126, 14]}}",
                                       TIMMS "\"input_size\": [3, 126, 14], \"num_classes\": 0}"};
    static const char square[] = "{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 56}";
    const struct published_form bare = {PUBLISHED_TIMM, 0, false, ""};
    char *config = file_join(folder, "config.txt"), *pictures = file_join(folder, "labels.txt");
    file_put(pictures, square, sizeof square - 1);
    write_with(&bare, NULL, 0, 0);
    options.config = config;
    options.preprocessor = pictures;
    options.head_count = 0;
    set_image_size(0);
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        file_put(config, says[i], strlen(says[i]));
        expect(STATUS_INVALID_FILE,
               "Its positions are those of an image of 126 x 14: position embeddings that are no "
               "square grid are not supported.");
    }
    free(pictures);
    free(config);
}
END_TEST

/* A training's configuration beside a library's network, which resizes in its own way. */
START_TEST(a_librarys_network_resizes_in_its_own_way)
{
    static const struct {
        struct published_form form;
        const char *says, *sentence; /* NULL: taken */
    } cases[] = {
        {{PUBLISHED_OLD, 0, false, ""},
         "student:\n  interpolate_offset: 0.1\n",
         "The configuration says interpolate_offset: 0.1 but the layout of its names is that of "
         "transformers' "
         "Dinov2, whose networks resize positions with 0: they do not belong together."},
        {{PUBLISHED_TIMM, 4, false, ""},
         "{\"interpolate_antialias\": false}",
         "The configuration says interpolate_antialias: false but the layout of its names is timm's, with "
         "registers, whose networks resize positions antialiased: they do not belong together."},
        {{PUBLISHED_TIMM, 0, false, ""},
         "{\"architecture\": \"vit_tiny\", \"num_classes\": 0, \"model_args\": {\"no_embed_class\": true}}",
         "The configuration says no_embed_class: true but the weights have a position of the class token: "
         "they "
         "do not belong together."},
        {{PUBLISHED_OLD, 0, false, ""}, "student:\n  interpolate_offset: 0.0\n", NULL},
        {{PUBLISHED_DINOV2, 0, false, ""}, "student:\n  interpolate_offset: 0.0\n", NULL},
    };
    char *config = file_join(folder, "labels.txt");
    options.config = config;
    options.head_count = 0;
    set_image_size(0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_with(&cases[i].form, NULL, 0, 0);
        file_put(config, cases[i].says, strlen(cases[i].says));
        if (cases[i].sentence)
            expect(STATUS_INVALID_FILE, cases[i].sentence);
        else
            ck_assert_msg(!import_now(), "%s", failure.sentence);
        empty(output);
    }
    free(config);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, every_row_is_reached);
    tcase_add_test(all, a_head_beside_it_tells);
    tcase_add_test(all, whoever_imports_it_tells);
    tcase_add_test(all, what_is_assumed_is_noted);
    tcase_add_test(all, a_preprocessor_does_not_hide_a_rectangle);
    tcase_add_test(all, a_librarys_network_resizes_in_its_own_way);
    tcase_add_test(all, names_of_a_library_do_not_tell_how_pictures_are_prepared);
    tcase_add_test(all, what_says_nothing_is_refused);
    tcase_add_test(all, a_preprocessors_file_is_given_for_weights_alone);
    tcase_add_test(all, both_configurations_of_a_folder_are_read);
    tcase_add_test(all, both_preprocessors_of_a_folder_are_read);
    tcase_add_test(all, positions_of_a_rectangle_are_refused);
    return suite_run("origin", all);
}
