/* What was trained beside an adapter goes before what stands in its place in the model. */
#include "engine/base/file.h"
#include "engine/checkpoint/add_heads.h"
#include "engine/checkpoint/import_backbone.h"
#include "engine/package/package.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { W = PUBLISHED_WIDTH, RANK = 4 };

static void write_all(struct published *published)
{
    published_write(published, 0, published->count, weights);
    published_end(published);
}

static void open_now(struct backbone_import *imported)
{
    const struct backbone_options these = {.path = published_folder};
    ck_assert_msg(!import_backbone_open(&these, &failure, imported), "%s", failure.sentence);
}

/* A network with a classifier and an adapter, which was trained with a classifier of its own (`part`), or a
 * norm.
 */
static void write_adapted(const char *part, size_t rows)
{
    struct published published;
    char *name = NULL;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_OLD, 0, false, "dinov2."});
    published_add(&published, "classifier.weight", "classifier.weight", 0, 2, (size_t[]){2, 2 * W});
    published_add(&published, "classifier.bias", "classifier.bias", 0, 1, (size_t[]){2});
    write_all(&published);
    published_begin(&published);
    published_add(&published,
                  "base_model.model.dinov2.encoder.layer.1.attention.attention.query.lora_A.weight", "A", 0,
                  2, (size_t[]){RANK, W});
    published_add(&published,
                  "base_model.model.dinov2.encoder.layer.1.attention.attention.query.lora_B.weight", "B", 0,
                  2, (size_t[]){W, RANK});
    name = arena_format(published.arena, "base_model.model.%s.weight", part);
    published_add(&published, name, "another", 0, rows ? 2 : 1, (size_t[]){rows ? rows : W, 2 * W});
    name = arena_format(published.arena, "base_model.model.%s.bias", part);
    published_add(&published, name, "another", 0, 1, (size_t[]){rows ? rows : W});
    published_write(&published, 0, published.count, adapter);
    published_end(&published);
}

static void check_head(const char *tensor, const char *from)
{
    struct package *package = NULL;
    float values[4 * W];
    ck_assert_msg(!package_open(output, &failure, &package), "%s", failure.sentence);
    const struct tensor *found = safetensors_find(package_head(package, 0), tensor);
    tensor_to_float(found, values);
    for (size_t i = 0; i < found->size_bytes / tensor_type_bytes(found->type); i++)
        ck_assert_float_eq(values[i], published_value(from, i));
    package_close(&package);
}

START_TEST(an_adapters_classifier_goes_before_the_models)
{
    write_adapted("classifier", 2);
    asked.weights = published_folder;
    options.head_count = 1;
    options.lora_alpha = 4;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    check_head("linear.weight", "another");
    check_head("linear.bias", "another");
    ck_assert_msg(
        strstr(note, "Head 'findings' is the adapter's, which was trained in the place of the one that the "
                     "weights have."),
        "%s", note);
    empty(output);
    asked.weights = adapter; /* alone it is the same head, of the same backbone */
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    check_head("linear.weight", "another");
    ck_assert_ptr_null(strstr(note, "Head"));
    empty(output);
    asked.weights = weights; /* the model's own, which was trained without the adapter */
    expect(STATUS_INVALID_FILE,
           "It holds a backbone, too, which the head was trained with: give this file as "
           "--backbone of cxrd import.");
}
END_TEST

/* As above, of a package that was made with another adapter. */
START_TEST(an_adapters_classifier_goes_with_its_own_backbone_alone)
{
    char *other = file_join(folder, "other.safetensors");
    struct bytes file;
    write_adapted("classifier", 2);
    ck_assert_int_eq(file_read(adapter, 1 << 20, &failure, &file), STATUS_OK);
    file_put(other, file.data, file.size);
    free((void *)file.data);
    write_adapted("classifier", 3);
    asked.weights = other;
    options.head_count = 1;
    options.lora_alpha = 4;
    expect(STATUS_INVALID_FILE,
           "The head was trained with the LoRA adapter beside it: copy both files of the adapter into the "
           "folder of the model that it adapts, and give that folder as --backbone of cxrd import and as "
           "weights= of its --head.");
    free(other);
}
END_TEST

/* A package knows the adapter that was merged into its backbone, and takes its classifier later, too. */
START_TEST(an_adapters_classifier_joins_the_package_of_its_backbone)
{
    char sha256[SHA256_HEX_BYTES];
    write_adapted("classifier", 2);
    options.lora_alpha = 4;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    asked.weights = adapter;
    ck_assert_msg(!checkpoint_add_heads(output, &asked, 1, NULL, NULL, NULL, &failure, note, sha256), "%s",
                  failure.sentence);
    check_head("linear.weight", "another");
}
END_TEST

START_TEST(an_adapters_own_tensors_go_before_the_models)
{
    struct backbone_import imported;
    const struct backbone_options these = {.path = published_folder, .lora_alpha = 4};
    write_adapted("dinov2.layernorm", 0);
    ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
    for (size_t i = 0; i < imported.selection.count; i++) {
        const struct selected *item = &imported.selection.items[i];
        float *values = memory_allocate(item->source->elements, sizeof *values);
        const bool own = !strncmp(item->name, "norm.", 5);
        ck_assert_int_eq(selection_read(item, imported.checkpoint, &failure, values), STATUS_OK);
        if (strcmp(item->name, "blocks.1.attn.qkv.weight"))
            for (size_t k = 0; k < item->source->elements; k++)
                ck_assert_float_eq(values[k], published_value(own ? "another" : item->name, k));
        free(values);
    }
    ck_assert_str_eq(
        imported.note,
        "A LoRA adapter is merged into the weights. Of 2 tensors the adapter's are taken, which were "
        "trained in the weights' place. Without its config.json LayerNorm's epsilon is taken to be "
        "1e-06, and its activation gelu.");
    import_backbone_finish(&imported);
}
END_TEST

/* As model.state_dict() of PEFT has it: both copies of what was trained whole. */
static void write_whole(bool norm, bool classifier, bool trained)
{
    static const char *const parts[] = {"weight", "bias"};
    struct published published;
    published_begin(&published);
    published_network(&published,
                      &(struct published_form){PUBLISHED_OLD, 0, false, "base_model.model.dinov2."});
    for (size_t i = 0; norm && i < published.count; i++)
        for (size_t k = 0; k < 2; k++)
            if (!strcmp(published.tensors[i].name,
                        arena_format(published.arena, "base_model.model.dinov2.layernorm.%s", parts[k])))
                published.tensors[i].name = arena_format(
                    published.arena, "base_model.model.dinov2.layernorm.original_module.%s", parts[k]);
    for (size_t k = 0; norm && trained && k < 2; k++)
        published_add(&published,
                      arena_format(published.arena,
                                   "base_model.model.dinov2.layernorm.modules_to_save.default.%s", parts[k]),
                      "another", 0, 1, (size_t[]){W});
    for (size_t k = 0; classifier && k < 2; k++) {
        published_add(
            &published,
            arena_format(published.arena, "base_model.model.classifier.original_module.%s", parts[k]),
            "before", 0, 2 - k, (size_t[]){2, 2 * W});
        published_add(
            &published,
            arena_format(published.arena, "base_model.model.classifier.modules_to_save.default.%s", parts[k]),
            "another", 0, 2 - k, (size_t[]){2, 2 * W});
    }
    write_all(&published);
}

START_TEST(of_a_whole_models_copies_the_trained_are_taken)
{
    struct backbone_import imported;
    write_whole(true, true, true);
    open_now(&imported);
    for (size_t i = 0; i < imported.selection.count; i++) {
        const struct selected *item = &imported.selection.items[i];
        float *values = memory_allocate(item->source->elements, sizeof *values);
        const bool own = !strncmp(item->name, "norm.", 5);
        ck_assert_int_eq(selection_read(item, imported.checkpoint, &failure, values), STATUS_OK);
        for (size_t k = 0; k < item->source->elements; k++)
            ck_assert_float_eq(values[k], published_value(own ? "another" : item->name, k));
        free(values);
    }
    ck_assert_msg(strstr(imported.note, "Of 2 tensors the adapter's are taken"), "%s", imported.note);
    import_backbone_finish(&imported);
    asked.weights = published_folder;
    options.head_count = 1;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    check_head("linear.weight", "another");
    check_head("linear.bias", "another");
    empty(output);
    options.head_count = 0;
    write_whole(true, false, false);
    expect(STATUS_INVALID_FILE,
           "'norm.bias' is there as it was before training (original_module), and not as it was trained "
           "(modules_to_save): a part is missing.");
}
END_TEST

/* As a file that was cut, or saved without them, leaves it. */
START_TEST(what_was_trained_beside_an_adapter_is_there)
{
    static const struct {
        const char *saved, *sentence; /* NULL: imported */
    } cases[] = {
        {"[\"classifier\", \"score\"]", NULL}, /* as PEFT names both */
        {"[\"layernorm\"]",
         "adapter_config.json names 'layernorm' (modules_to_save), which was trained beside the adapter, and "
         "only the model's own is there: a part of the adapter is missing."},
        {"[\"norm\"]", NULL}, /* no part of a longer name */
        {"\"classifier\"", "adapter_config.json: Its \"modules_to_save\" is no list of texts."},
    };
    char *config = file_join(published_folder, "adapter_config.json");
    write_adapted("classifier", 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        const int length = snprintf(text, sizeof text,
                                    "{\"r\": 4, \"lora_alpha\": 4, \"target_modules\": "
                                    "\".*1.attention.attention.query\", \"modules_to_save\": %s}",
                                    cases[i].saved);
        file_put(config, text, (size_t)length);
        if (cases[i].sentence) {
            expect(STATUS_INVALID_FILE, cases[i].sentence);
            continue;
        }
        ck_assert_msg(!import_now(), "%s", failure.sentence);
        empty(output);
    }
    free(config);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_published, remove_published);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, an_adapters_classifier_goes_before_the_models);
    tcase_add_test(all, an_adapters_classifier_goes_with_its_own_backbone_alone);
    tcase_add_test(all, an_adapters_classifier_joins_the_package_of_its_backbone);
    tcase_add_test(all, an_adapters_own_tensors_go_before_the_models);
    tcase_add_test(all, of_a_whole_models_copies_the_trained_are_taken);
    tcase_add_test(all, what_was_trained_beside_an_adapter_is_there);
    return suite_run("trained", all);
}
