/* Import, whole: small checkpoints made here become a package whose values and card are looked at; and each
 * wrong file or option has its sentence and leaves nothing behind. */
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "engine/weights/safetensors.h"

#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct json *read_card(void)
{
    struct bytes text;
    struct json *card = NULL;
    char *path = file_join(output, "model.json");
    ck_assert_int_eq(file_read(path, 1 << 20, &failure, &text), STATUS_OK);
    ck_assert_int_eq(json_parse(text, (struct json_limits){16, 1 << 20}, &failure, &card), STATUS_OK);
    free((void *)text.data);
    free(path);
    return card;
}

static double number(const struct json *object, const char *name)
{
    double value = -1;
    ck_assert_msg(json_number(json_member(object, name), &value), "%s", name);
    return value;
}

/* The weight file is there with the hash the card has, and its tensor holds pth_value(i) * scale. */
static void check_weights(const struct json *card, const char *name, const char *tensor_name,
                          enum tensor_type type, float scale)
{
    struct safetensors *file = NULL;
    char *path = file_join(output, name), hex[SHA256_HEX_BYTES];
    ck_assert_int_eq(safetensors_open(path, &failure, &file), STATUS_OK);
    sha256_hex(safetensors_content(file), hex);
    ck_assert_str_eq(json_text(json_member(json_member(card, "weights_sha256"), name)), hex);
    const struct tensor *tensor = safetensors_find(file, tensor_name);
    ck_assert_ptr_nonnull(tensor);
    ck_assert_int_eq(tensor->type, type);
    size_t count = tensor->size_bytes / tensor_type_bytes(type);
    float *values = memory_allocate(count, sizeof *values);
    tensor_to_float(tensor, values);
    for (size_t i = 0; i < count; i++)
        ck_assert_float_eq(values[i], pth_value(i) * scale); /* exact in fp16, too */
    free(values);
    safetensors_close(&file);
    free(path);
}

START_TEST(imports_swiglu_and_glori_at_fp16)
{
    sample_backbone(backbone, &SAMPLE_AS_IS);
    sample_glori(head, 2, 2 * WIDTH, true);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    struct json *card = read_card();
    const struct json *shape = json_member(card, "backbone"), *first = json_first(json_member(card, "heads"));
    ck_assert_double_eq(number(card, "format"), 1);
    ck_assert_str_eq(json_text(json_member(card, "name")), "package");
    ck_assert_double_eq(number(shape, "width"), WIDTH);
    ck_assert_double_eq(number(shape, "depth"), DEPTH);
    ck_assert_double_eq(number(shape, "heads"), 1);
    ck_assert_double_eq(number(shape, "patch_size"), PATCH);
    ck_assert_double_eq(number(shape, "image_size"), 16);
    ck_assert_double_eq(number(shape, "registers"), 4);
    ck_assert_double_eq(number(shape, "ffn_hidden"), HIDDEN);
    ck_assert_double_eq(number(shape, "position_grid"), GRID);
    ck_assert_str_eq(json_text(json_member(shape, "ffn")), "swiglu");
    ck_assert_str_eq(json_text(json_member(first, "type")), "glori");
    ck_assert_str_eq(json_text(json_member(first, "kind")), "findings");
    ck_assert_double_eq(number(first, "blocks"), 2);
    ck_assert_ptr_null(json_member(first, "definition"));
    const struct json *label = json_first(json_member(first, "labels"));
    ck_assert_str_eq(json_text(json_member(label, "name")), "Cardiomegaly");
    ck_assert_str_eq(json_text(json_member(json_first(json_member(label, "codes")), "code")), "8186001");
    ck_assert_ptr_null(json_member(json_next(label), "codes"));
    check_weights(card, "backbone.safetensors", "blocks.1.attn.qkv.weight", TENSOR_F16, 1);
    check_weights(card, "backbone.safetensors", "blocks.1.ls1.gamma", TENSOR_F32, 1);
    check_weights(card, "head.findings.safetensors", "query_embed", TENSOR_F32, 1);
    json_destroy(&card);
}
END_TEST

START_TEST(imports_a_plain_gelu_network_and_a_linear_risk_at_fp32)
{
    struct sample_changes changes = SAMPLE_AS_IS;
    changes.gelu = changes.plain = true;
    changes.candidates = 2;
    changes.classes = 1;
    sample_backbone(backbone, &changes);
    sample_linear(head, &changes);
    asked = (struct import_head){.name = "mortality",
                                 .kind = IMPORT_RISK,
                                 .weights = head,
                                 .candidate = "linear:blocks=1:avgpool=True:lr=0.2"};
    options.precision = IMPORT_FP32;
    options.name = "m";
    options.version = "2.0";
    options.intended_use = "A test.";
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    struct json *card = read_card();
    const struct json *shape = json_member(card, "backbone"), *first = json_first(json_member(card, "heads"));
    bool pool = false;
    ck_assert_str_eq(json_text(json_member(card, "version")), "2.0");
    ck_assert_double_eq(number(shape, "registers"), 0);
    ck_assert_str_eq(json_text(json_member(shape, "ffn")), "gelu");
    ck_assert_str_eq(json_text(json_member(first, "type")), "linear");
    ck_assert_str_eq(json_text(json_member(first, "kind")), "risk");
    ck_assert(json_boolean(json_member(first, "average_pool"), &pool) && pool);
    ck_assert_ptr_nonnull(json_text(json_member(first, "definition")));
    ck_assert_uint_eq(json_length(json_member(first, "labels")), 1);
    ck_assert_str_eq(json_text(json_member(json_first(json_member(first, "labels")), "name")), "mortality");
    const struct json *source =
        json_member(json_member(json_member(card, "provenance"), "heads"), "mortality");
    ck_assert_str_eq(json_text(json_member(source, "candidate")), "linear:blocks=1:avgpool=True:lr=0_2");
    check_weights(card, "backbone.safetensors", "blocks.0.mlp.fc1.weight", TENSOR_F32, 1);
    check_weights(card, "head.mortality.safetensors", "linear.weight", TENSOR_F32, 2);
    json_destroy(&card);
}
END_TEST

START_TEST(chooses_among_candidates)
{
    static const char best[] = "{\"best_classifier\": {\"name\": \"linear:blocks=1:avgpool=True:lr=0_3\"}}\n";
    struct sample_changes changes = SAMPLE_AS_IS;
    changes.candidates = 3;
    sample_backbone(backbone, &SAMPLE_AS_IS);
    sample_linear(head, &changes);
    expect(STATUS_INVALID_FILE, "head.pth: Choose one with results=FILE or candidate=KEY of "
                                "linear:blocks=1:avgpool=True:lr=0_{1, 2, 3}.");
    asked.candidate = "x";
    expect(STATUS_INVALID_FILE,
           "head.pth: No candidate 'x'; there are linear:blocks=1:avgpool=True:lr=0_{1, 2, 3}.");
    asked.candidate = "linear:blocks=1:avgpool=True:lr=0x2"; /* a dot may stand for '_', and nothing else */
    expect(STATUS_INVALID_FILE, "No candidate 'linear:blocks=1:avgpool=True:lr=0x2'; there are "
                                "linear:blocks=1:avgpool=True:lr=0_{1, 2, 3}.");
    char *results = file_join(folder, "results");
    file_put(results, best, sizeof best - 1);
    asked.candidate = NULL;
    asked.results = results;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    struct json *card = read_card();
    check_weights(card, "head.findings.safetensors", "linear.weight", TENSOR_F16, 3);
    json_destroy(&card);
    free(results);
}
END_TEST

START_TEST(values_too_large_for_fp16_need_fp32)
{
    struct sample_changes changes = SAMPLE_AS_IS;
    changes.scale = 1e5f;
    sample_backbone(backbone, &changes);
    sample_linear(head, &SAMPLE_AS_IS);
    expect(STATUS_INVALID_FILE,
           "backbone.pth: Tensor 'blocks.0.attn.proj.weight' holds -75000, too large for fp16. "
           "Import with --precision fp32.");
    options.precision = IMPORT_FP32;
    ck_assert_int_eq(import_now(), STATUS_OK);
}
END_TEST

START_TEST(values_that_are_not_finite_are_refused)
{
    struct sample_changes changes = SAMPLE_AS_IS;
    changes.scale = INFINITY;
    sample_backbone(backbone, &changes);
    sample_linear(head, &SAMPLE_AS_IS);
    options.precision = IMPORT_FP32;
    expect(STATUS_INVALID_FILE,
           "backbone.pth: Tensor 'blocks.0.attn.proj.weight' holds a value that is not a finite number.");
}
END_TEST

static const struct {
    const char *skip, *widen, *sentence;
} wrong_backbones[] = {
    {"cls_token", NULL, "backbone.pth: Tensor 'cls_token' of shape [1, 1, ?] is missing."},
    {"norm.bias", NULL, "backbone.pth: Tensor 'norm.bias' of shape [64] is missing."},
    {"blocks.1.attn.qkv.weight", NULL,
     "backbone.pth: Tensor 'blocks.1.attn.qkv.weight' of shape [192, 64] is missing."},
    {"blocks.1.ls1.gamma", NULL, "backbone.pth: Tensor 'blocks.1.ls1.gamma' of shape [64] is missing."},
    {"blocks.0.ls1.gamma", NULL,
     "backbone.pth: Tensor 'blocks.1.ls1.gamma' is there while 'blocks.0.ls1.gamma' is not."},
    {NULL, "blocks.1.mlp.w12.weight",
     "backbone.pth: Tensor 'blocks.1.mlp.w12.weight' has shape [128, 65] where [128, 64] is needed."},
    {NULL, "cls_token",
     "backbone.pth: Its width of 65 is not a multiple of 64, the size of an attention head."},
    {NULL, "patch_embed.proj.weight", "backbone.pth: Its patches of 8 x 9 are not square."},
};

START_TEST(wrong_backbones_are_refused)
{
    struct sample_changes changes = SAMPLE_AS_IS;
    changes.skip = wrong_backbones[_i].skip;
    changes.widen = wrong_backbones[_i].widen;
    sample_backbone(backbone, &changes);
    sample_linear(head, &SAMPLE_AS_IS);
    expect(STATUS_INVALID_FILE, wrong_backbones[_i].sentence);
}
END_TEST

START_TEST(wrong_heads_are_refused)
{
    sample_backbone(backbone, &SAMPLE_AS_IS);
    sample_glori(head, 2, 3 * WIDTH, false);
    expect(STATUS_INVALID_FILE,
           "head.pth: The candidate's name says 2 blocks, but its weights take 3 of width 64: it "
           "was trained on another backbone.");
    sample_glori(head, 2, 2 * WIDTH + 1, false);
    expect(STATUS_INVALID_FILE,
           "head.pth: Tensor 'embed_standart.weight' of shape [128, 129] does not fit a backbone of "
           "width 64 and 8 attention heads.");
    sample_glori(head, 3, 2 * WIDTH, false);
    expect(STATUS_INVALID_FILE, "labels.txt: it has 2 labels for the 3 classes of head 'findings'.");
    asked.labels = NULL;
    expect(STATUS_BAD_REQUEST, "Head 'findings' has 3 classes: name them with labels=FILE, one a line.");
    asked.weights = backbone;
    expect(
        STATUS_INVALID_FILE,
        "backbone.pth: It holds a backbone and no head that is known here: import takes it as --backbone.");
    options.backbone = head;
    expect(STATUS_INVALID_FILE,
           "head.pth: It is a head and holds no backbone: import the backbone that it was trained on, and "
           "give this file as weights= of its --head.");
}
END_TEST

/* float16 has no digits left for values below 6e-5, and nothing below 3e-8. */
START_TEST(matrices_with_rows_too_small_for_fp16_stay_fp32)
{
    static const float scales[] = {1e-9f, 1e-5f, 1};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        struct sample_changes changes = SAMPLE_AS_IS;
        changes.scale = scales[i];
        changes.last_row = scales[i] < 1 ? 0 : 1e-6f;
        sample_backbone(backbone, &changes);
        sample_linear(head, &SAMPLE_AS_IS);
        ck_assert_msg(!import_now(), "%s", failure.sentence);
        ck_assert_msg(
            strstr(note, "'blocks.0.attn.proj.weight' is stored in fp32, as fp16 has no room for the small "
                         "values of its rows."),
            "%s", note);
        struct json *card = read_card();
        if (!(changes.last_row > 0))
            check_weights(card, "backbone.safetensors", "blocks.0.attn.proj.weight", TENSOR_F32, scales[i]);
        check_weights(card, "backbone.safetensors", "blocks.1.attn.proj.weight", TENSOR_F16, 1);
        json_destroy(&card);
        empty(output);
    }
    struct sample_changes changes = SAMPLE_AS_IS;
    changes.scale = 1.0004f; /* which float16 rounds as badly as any that it holds */
    sample_backbone(backbone, &changes);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_ptr_null(strstr(note, "fp32"));
    empty(output);
    changes.scale = 0x1p-10f; /* the least is 2^-13, and they all have their digits */
    sample_backbone(backbone, &changes);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_ptr_null(strstr(note, "fp32"));
    struct json *card = read_card();
    check_weights(card, "backbone.safetensors", "blocks.0.attn.proj.weight", TENSOR_F16, 0x1p-10f);
    json_destroy(&card);
}
END_TEST

START_TEST(wrong_options_are_refused)
{
    sample_backbone(backbone, &SAMPLE_AS_IS);
    sample_linear(head, &SAMPLE_AS_IS);
    set_image_size(7);
    expect(STATUS_BAD_REQUEST, "An image size of 7 is not a multiple of the patch size 8.");
    set_image_size(16);
    asked.name = "../x";
    expect(STATUS_BAD_REQUEST, "The head name '../x' is not 1 to 64 letters, digits, '-' and '_'.");
    asked.name = "x";
    struct import_head twice[2] = {asked, asked};
    options.heads = twice;
    options.head_count = 2;
    expect(STATUS_BAD_REQUEST, "Two heads have the name 'x'.");
    options.heads = &asked;
    options.head_count = 1;
    options.output = "/nonexistent/package";
    expect(STATUS_BAD_REQUEST, "/nonexistent/package cannot be made: No such file or directory.");
    options.output = folder;
    ck_assert_int_eq(import_now(), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(
        strstr(failure.sentence, " is there already: choose another --output, or remove it."));
}
END_TEST

static void watch(void *context, size_t done_bytes, size_t total_bytes)
{
    size_t *last = context;
    ck_assert_uint_gt(done_bytes, last[0]);
    ck_assert_uint_le(done_bytes, total_bytes);
    last[0] = done_bytes;
    last[1] = total_bytes;
}

START_TEST(progress_goes_to_the_end)
{
    size_t last[2] = {0};
    sample_backbone(backbone, &SAMPLE_AS_IS);
    sample_linear(head, &SAMPLE_AS_IS);
    ck_assert_int_eq(checkpoint_import(&options, watch, last, &failure, note, NULL), STATUS_OK);
    ck_assert_uint_gt(last[0], 0);
    ck_assert_uint_eq(last[0], last[1]);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, imports_swiglu_and_glori_at_fp16);
    tcase_add_test(all, imports_a_plain_gelu_network_and_a_linear_risk_at_fp32);
    tcase_add_test(all, chooses_among_candidates);
    tcase_add_test(all, values_too_large_for_fp16_need_fp32);
    tcase_add_test(all, values_that_are_not_finite_are_refused);
    tcase_add_loop_test(all, wrong_backbones_are_refused, 0,
                        sizeof wrong_backbones / sizeof *wrong_backbones);
    tcase_add_test(all, wrong_heads_are_refused);
    tcase_add_test(all, matrices_with_rows_too_small_for_fp16_stay_fp32);
    tcase_add_test(all, wrong_options_are_refused);
    tcase_add_test(all, progress_goes_to_the_end);
    return suite_run("import", all);
}
