/* An adapter is of exactly the modules that its settings name. */
#include "engine/base/file.h"
#include "engine/checkpoint/import_backbone.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { W = PUBLISHED_WIDTH, RANK = 4 };

static char *published_folder, *adapter, *config;

static void make(void)
{
    make_folder();
    published_folder = file_join(folder, "published");
    ck_assert_int_eq(mkdir(published_folder, 0777), 0);
    adapter = file_join(published_folder, "adapter_model.safetensors");
    config = file_join(published_folder, "adapter_config.json");
    char *weights = file_join(published_folder, "model.safetensors");
    struct published published;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_OLD, 0, false, ""});
    published_write(&published, 0, published.count, weights);
    published_end(&published);
    free(weights);
}

static void clean(void)
{
    empty(published_folder);
    free(config);
    free(adapter);
    free(published_folder);
    remove_folder();
}

/* Pairs of the query and value of both blocks, but for those whose key has `without` in it. */
static void write_adapter(const char *without)
{
    static const char *const modules[] = {"0.attention.attention.query", "0.attention.attention.value",
                                          "1.attention.attention.query", "1.attention.attention.value"};
    struct published published;
    published_begin(&published);
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        if (without && strstr(modules[i], without))
            continue;
        char *down =
                 arena_format(published.arena, "base_model.model.encoder.layer.%s.lora_A.weight", modules[i]),
             *up =
                 arena_format(published.arena, "base_model.model.encoder.layer.%s.lora_B.weight", modules[i]);
        published_add(&published, down, "A", 0, 2, (size_t[]){RANK, W});
        published_add(&published, up, "B", 0, 2, (size_t[]){W, RANK});
    }
    published_write(&published, 0, published.count, adapter);
    published_end(&published);
}

#define MISSING(module)                  \
    "adapter_config.json names '" module \
    "' (target_modules), of which no LoRA adapter is there: a part of it is missing."
#define NOT_NAMED(module)                                                                                 \
    "It holds a LoRA adapter of '" module                                                                 \
    "', which adapter_config.json does not name (target_modules, exclude_modules, layers_to_transform): " \
    "they do not belong together."
#define QUERY      "encoder.layer.0.attention.attention.query"
#define VALUE      "encoder.layer.0.attention.attention.value"
#define EXPRESSION "names modules by an expression, which is not evaluated"

static const struct {
    const char *without, *settings, *sentence; /* NULL: merged */
    bool noted;
} cases[] = {
    {NULL, "\"target_modules\": [\"query\", \"value\"]", NULL, false},
    {NULL,
     "\"target_modules\": [\"attention.query\", \"dinov2.encoder.layer.0.attention.attention.value\", "
     "\"1.attention.attention.value\"]",
     NULL, false},
    {"value", "\"target_modules\": [\"query\", \"value\"]", MISSING(VALUE), false},
    {"0.attention.attention.query", "\"target_modules\": [\"query\", \"value\"]", MISSING(QUERY), false},
    {"1.", "\"target_modules\": [\"query\", \"value\"]", MISSING("encoder.layer.1.attention.attention.query"),
     false},
    {NULL, "\"target_modules\": [\"query\"]", NOT_NAMED(VALUE), false},
    {NULL, "\"target_modules\": [\"query\", \"value\", \"dense\"]",
     MISSING("encoder.layer.0.attention.output.dense"), false},
    {NULL, "\"target_modules\": [\"query\", \"value\"], \"exclude_modules\": [\"value\"]", NOT_NAMED(VALUE),
     false},
    {"value", "\"target_modules\": [\"query\", \"value\"], \"exclude_modules\": [\"value\"]", NULL, false},
    {NULL, "\"target_modules\": [\"query\", \"value\"], \"layers_to_transform\": [1]", NOT_NAMED(QUERY),
     false},
    {"0.",
     "\"target_modules\": [\"query\", \"value\"], \"layers_to_transform\": 1, \"layers_pattern\": "
     "\"layer\"",
     NULL, false},
    {NULL, "\"target_modules\": \"all-linear\"", MISSING("encoder.layer.0.attention.attention.key"), false},
    {"value", "\"target_modules\": \".*(query|value)\"", NULL, true},
    {NULL, "\"target_modules\": null", NULL, false},
};

START_TEST(exactly_the_named_modules_are_adapted)
{
    char text[512];
    struct backbone_import imported;
    const struct backbone_options these = {.path = published_folder};
    write_adapter(cases[_i].without);
    const int length = snprintf(text, sizeof text, "{\"r\": 4, \"lora_alpha\": 8, %s}", cases[_i].settings);
    file_put(config, text, (size_t)length);
    const enum status status = import_backbone_open(&these, &failure, &imported);
    ck_assert_msg(status == (cases[_i].sentence ? STATUS_INVALID_FILE : STATUS_OK), "%s", failure.sentence);
    if (cases[_i].sentence)
        ck_assert_msg(strstr(failure.sentence, cases[_i].sentence), "%s", failure.sentence);
    if (status)
        return;
    ck_assert_int_eq(strstr(imported.note, EXPRESSION) != NULL, cases[_i].noted);
    import_backbone_finish(&imported);
}
END_TEST

START_TEST(an_alpha_that_contradicts_the_settings_is_refused)
{
    static const char says[] = "{\"r\": 4, \"lora_alpha\": 8, \"target_modules\": [\"query\", \"value\"]}";
    struct backbone_import imported;
    struct backbone_options these = {.path = published_folder, .lora_alpha = 16};
    write_adapter(NULL);
    file_put(config, says, sizeof says - 1);
    ck_assert_int_eq(import_backbone_open(&these, &failure, &imported), STATUS_BAD_REQUEST);
    ck_assert_str_eq(failure.sentence,
                     "--lora-alpha is 16, and adapter_config.json says lora_alpha: 8: leave "
                     "--lora-alpha out.");
    these.lora_alpha = 8;
    ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
    import_backbone_finish(&imported);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make, clean);
    tcase_add_loop_test(all, exactly_the_named_modules_are_adapted, 0, sizeof cases / sizeof *cases);
    tcase_add_test(all, an_alpha_that_contradicts_the_settings_is_refused);
    return suite_run("adapter_targets", all);
}
