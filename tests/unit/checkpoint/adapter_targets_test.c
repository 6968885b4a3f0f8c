/* An adapter is of exactly the modules that its settings name. */
#include "engine/base/file.h"
#include "engine/checkpoint/adapter_expression.h"
#include "engine/checkpoint/import_backbone.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { W = PUBLISHED_WIDTH, RANK = 4 };

static void make(void)
{
    struct published published;
    make_published();
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_OLD, 0, false, ""});
    published_write(&published, 0, published.count, weights);
    published_end(&published);
}

/* Pairs of the query and value of both blocks, but for those whose key has `without` in it. */
static void write_adapter(const char *without, const char *prefix)
{
    static const char *const modules[] = {"0.attention.attention.query", "0.attention.attention.value",
                                          "1.attention.attention.query", "1.attention.attention.value"};
    struct published published;
    published_begin(&published);
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        if (without && strstr(modules[i], without))
            continue;
        char *down = arena_format(published.arena, "base_model.model.%sencoder.layer.%s.lora_A.weight",
                                  prefix, modules[i]),
             *up = arena_format(published.arena, "base_model.model.%sencoder.layer.%s.lora_B.weight", prefix,
                                modules[i]);
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
#define QUERY "encoder.layer.0.attention.attention.query"
#define VALUE "encoder.layer.0.attention.attention.value"

static const struct {
    const char *without, *settings, *sentence; /* NULL: merged */
    const char *prefix;                        /* of the model that was trained; NULL: none */
} cases[] = {
    {NULL, "\"target_modules\": [\"query\", \"value\"]", NULL},
    {NULL,
     "\"target_modules\": [\"attention.query\", \"dinov2.encoder.layer.0.attention.attention.value\", "
     "\"1.attention.attention.value\"]",
     NULL},
    {"value", "\"target_modules\": [\"query\", \"value\"]", MISSING(VALUE)},
    {"0.attention.attention.query", "\"target_modules\": [\"query\", \"value\"]", MISSING(QUERY)},
    {"1.", "\"target_modules\": [\"query\", \"value\"]",
     MISSING("encoder.layer.1.attention.attention.query")},
    {NULL, "\"target_modules\": [\"query\"]", NOT_NAMED(VALUE)},
    {NULL, "\"target_modules\": [\"query\", \"value\", \"dense\"]",
     MISSING("encoder.layer.0.attention.output.dense")},
    {NULL, "\"target_modules\": [\"query\", \"value\"], \"exclude_modules\": [\"value\"]", NOT_NAMED(VALUE)},
    {"value", "\"target_modules\": [\"query\", \"value\"], \"exclude_modules\": [\"value\"]", NULL},
    {NULL, "\"target_modules\": [\"query\", \"value\"], \"layers_to_transform\": [1]", NOT_NAMED(QUERY)},
    {"0.",
     "\"target_modules\": [\"query\", \"value\"], \"layers_to_transform\": 1, \"layers_pattern\": "
     "\"layer\"",
     NULL},
    {NULL, "\"target_modules\": \"all-linear\"", MISSING("encoder.layer.0.attention.attention.key")},
    {NULL, "\"target_modules\": \".*(query|value)\"", NULL},
    {"value", "\"target_modules\": \".*(query|value)\"", MISSING(VALUE)},
    {NULL, "\"target_modules\": \".*\\\\.query\"", NOT_NAMED(VALUE)},
    {NULL, "\"target_modules\": \"query|value\"", NOT_NAMED(QUERY)}, /* the whole name */
    {NULL, "\"target_modules\": \"(?:encoder\\\\.)layer\\\\.\\\\d+.*?(query|value)$\"", NULL},
    {NULL, "\"target_modules\": \"dinov2\\\\.encoder.*(query|value)\"", NULL, "dinov2."},
    {"value", "\"target_modules\": \"dinov2\\\\.encoder.*(query|value)\"", MISSING(VALUE), "dinov2."},
    {NULL, "\"target_modules\": [\"query\", \"value\"], \"exclude_modules\": \".*1.*value\"",
     NOT_NAMED("encoder.layer.1.attention.attention.value")},
    {"1.", "\"target_modules\": \".*(query|value)\", \"exclude_modules\": \".*layer\\\\.[1-9].*\"", NULL},
    {NULL, "\"target_modules\": \".*(?<=n.)(query|value)\"",
     "Its \"target_modules\" is the expression '.*(?<=n.)(query|value)', which this program cannot evaluate: "
     "write the names of the modules as a list, or merge the adapter in PEFT (merge_and_unload) and save the "
     "model."},
    {NULL, "\"target_modules\": null", NULL},
    {NULL, "\"target_modules\": [\"uery\", \"value\"]", NOT_NAMED(QUERY)}, /* no end of a word */
};

START_TEST(exactly_the_named_modules_are_adapted)
{
    char text[512];
    struct backbone_import imported;
    const struct backbone_options these = {.path = published_folder};
    write_adapter(cases[_i].without, cases[_i].prefix ? cases[_i].prefix : "");
    const int length = snprintf(text, sizeof text, "{\"r\": 4, \"lora_alpha\": 8, %s}", cases[_i].settings);
    file_put(adapter_config, text, (size_t)length);
    const enum status status = import_backbone_open(&these, &failure, &imported);
    ck_assert_msg(status == (cases[_i].sentence ? STATUS_INVALID_FILE : STATUS_OK), "%s", failure.sentence);
    if (cases[_i].sentence)
        ck_assert_msg(strstr(failure.sentence, cases[_i].sentence), "%s", failure.sentence);
    if (status)
        return;
    import_backbone_finish(&imported);
}
END_TEST

/* What Python's re.fullmatch says of each. */
START_TEST(expressions_mean_what_they_mean_in_python)
{
    static const struct {
        const char *python, *matches, *not ;
    } known[] = {
        {"a|bc", "bc", "ab"},
        {"(a|b)+c?", "abbac", "c"},
        {"[a-c_]+?x", "a_cx", "dx"},
        {"[^.]+\\.q", "layer.q", "a.b.q"},
        {"\\w+\\.\\d", "a_1.2", "a.b"},
        {"[\\d.]+", "1.2", "1.a"},
        {"a\\-b\\_c", "a-b_c", "a\\-b_c"},
        {".*\\.(?:q|v)_proj", "x.v_proj", "x.k_proj"},
        {"^a$", "a", "b"},
    };
    static const char *const refused[] = {
        "(?=a)b", "(?P<x>a)", "(a)\\1", "a{2}",  "a**", "a*+",   "\\bq", "(?i)a",    "(a", "(((((a)))))",
        "a)",     "[]a]",     "[[a]",   "[\\s]", "*a",  "[b-a]", "[a",   "\xc3\xa9", "\\"};
    char posix[ADAPTER_EXPRESSION_BYTES], longest[2 * ADAPTER_EXPRESSION_BYTES];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ck_assert_msg(adapter_expression_read(known[i].python, posix), "%s", known[i].python);
        ck_assert_msg(adapter_expression_matches(posix, known[i].matches), "%s: %s", known[i].python, posix);
        ck_assert_msg(!adapter_expression_matches(posix, known[i].not ), "%s: %s", known[i].python, posix);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        ck_assert_msg(!adapter_expression_read(refused[i], posix), "%s", refused[i]);
    memset(longest, 'a', sizeof longest);
    longest[ADAPTER_EXPRESSION_BYTES - 5] = '\0';
    ck_assert(adapter_expression_read(longest, posix));
    longest[ADAPTER_EXPRESSION_BYTES - 5] = 'a';
    longest[ADAPTER_EXPRESSION_BYTES - 4] = '\0';
    ck_assert(!adapter_expression_read(longest, posix));
}
END_TEST

START_TEST(an_alpha_that_contradicts_the_settings_is_refused)
{
    static const char says[] = "{\"r\": 4, \"lora_alpha\": 8, \"target_modules\": [\"query\", \"value\"]}";
    struct backbone_import imported;
    struct backbone_options these = {.path = published_folder, .lora_alpha = 16};
    write_adapter(NULL, "");
    file_put(adapter_config, says, sizeof says - 1);
    ck_assert_int_eq(import_backbone_open(&these, &failure, &imported), STATUS_BAD_REQUEST);
    ck_assert_str_eq(failure.sentence,
                     "--lora-alpha is 16, and adapter_config.json says lora_alpha: 8: leave "
                     "--lora-alpha out.");
    these.lora_alpha = 8;
    ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
    import_backbone_finish(&imported);
}
END_TEST

static void write_base(const char *base)
{
    char text[160];
    const int length = snprintf(text, sizeof text,
                                "{\"r\": 4, \"lora_alpha\": 6, \"base_model_name_or_path\": \"%s\"}", base);
    file_put(adapter_config, text, (size_t)length);
}

/* A configuration may name what its model was made from, so that the two names may differ of a right pair. */
START_TEST(an_adapter_of_another_model_is_noted)
{
    static const struct {
        const char *base, *model;
        bool differ;
    } others[] = {{"facebook/dinov2-base", "microsoft/rad-dino", true},
                  {"facebook/dinov2-base", "Facebook/dinov2-base", false},
                  {"facebook/dinov2-base", "", false},
                  {"facebook/dinov2-base", "rad-dino", false},
                  {"/data/rad-dino", "microsoft/rad-dino", false},
                  {"./rad-dino", "microsoft/rad-dino", false},
                  {"~/rad-dino", "microsoft/rad-dino", false},
                  {"D:\\\\models/rad-dino", "microsoft/rad-dino", false},
                  {"", "microsoft/rad-dino", false}};
    write_adapter(NULL, "");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct backbone_import imported;
        const struct backbone_options these = {.path = published_folder};
        char text[160];
        const int length =
            snprintf(text, sizeof text, "{\"patch_size\": 14, \"_name_or_path\": \"%s\"}", others[i].model);
        file_put(published_config, text, (size_t)length);
        write_base(others[i].base);
        ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
        ck_assert_msg((strstr(imported.note, "It was trained on") != NULL) == others[i].differ, "%zu: %s", i,
                      imported.note);
        if (others[i].differ)
            ck_assert_str_eq(imported.note,
                             "A LoRA adapter is merged into the weights. It was trained on "
                             "'facebook/dinov2-base', as adapter_config.json says, and the model's "
                             "configuration names 'microsoft/rad-dino': unless the weights are those of the "
                             "first, they do not belong together.");
        import_backbone_finish(&imported);
    }
}
END_TEST

#define TUNED "base_model.model.encoder.layer.1.attention.attention.query"

/* PEFT writes halves of adapters and the modules that were trained whole, by name; and biases where it says
 * so, which is not supported. */
START_TEST(what_an_adapters_file_holds_besides_is_named)
{
    static const struct {
        const char *key, *saved; /* NULL: imported without a configuration */
        bool taken;
    } others[] = {{TUNED ".bias", "null", false},
                  {TUNED ".bias", "[\"classifier\"]", false},
                  {TUNED ".base_layer.bias", "null", false},
                  {"base_model.model.layernorm.bias", "[\"layernorm\"]", true},
                  {"base_model.model.layernorm.bias", NULL, true}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct published published;
        char text[160], sentence[FAILURE_SENTENCE_BYTES];
        published_begin(&published);
        published_add(&published, TUNED ".lora_A.weight", "A", 0, 2, (size_t[]){RANK, W});
        published_add(&published, TUNED ".lora_B.weight", "B", 0, 2, (size_t[]){W, RANK});
        published_add(&published, others[i].key, "b", 0, 1, (size_t[]){W});
        published_write(&published, 0, published.count, adapter);
        published_end(&published);
        unlink(adapter_config);
        options.lora_alpha = others[i].saved ? 0 : 6;
        const int length = snprintf(
            text, sizeof text, "{\"r\": 4, \"lora_alpha\": 6, \"bias\": \"none\", \"modules_to_save\": %s}",
            others[i].saved ? others[i].saved : "");
        if (others[i].saved)
            file_put(adapter_config, text, (size_t)length);
        snprintf(sentence, sizeof sentence,
                 "The adapter's file holds '%s', which is no LoRA adapter and which "
                 "adapter_config.json does not name (modules_to_save): they do not belong together.",
                 others[i].key);
        if (!others[i].taken) {
            expect(STATUS_INVALID_FILE, sentence);
            continue;
        }
        ck_assert_msg(!import_now(), "%s", failure.sentence);
        empty(output);
    }
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make, remove_published);
    tcase_add_loop_test(all, exactly_the_named_modules_are_adapted, 0, sizeof cases / sizeof *cases);
    tcase_add_test(all, expressions_mean_what_they_mean_in_python);
    tcase_add_test(all, an_alpha_that_contradicts_the_settings_is_refused);
    tcase_add_test(all, an_adapter_of_another_model_is_noted);
    tcase_add_test(all, what_an_adapters_file_holds_besides_is_named);
    return suite_run("adapter_targets", all);
}
