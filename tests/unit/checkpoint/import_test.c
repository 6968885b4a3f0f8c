/* Import, whole: small checkpoints made here become a package whose values and card are looked at; and each
 * wrong file or option has its sentence and leaves nothing behind. */
#include "engine/checkpoint/import.h"

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/weights/safetensors.h"
#include "engine/weights/sha256.h"

#include "tests/unit/checkpoint/pth.h"

#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 64, DEPTH = 2, PATCH = 2, GRID = 3, HIDDEN = 24, EMBED = 8, INNER = 2048 };
static const char GLORI_PREFIX[] = "module.classifiers_dict.linear:blocks=2:avgpool=False:lr=0_0005.decoder.";

static char folder[] = "/tmp/cxrd-import-XXXXXX";
static char *backbone, *head, *labels, *output;
static struct failure failure;
static struct import_head asked;
static struct import_options options;

/* What a test changes of the files that are made for it. */
struct changes {
    const char *skip;  /* leaves this backbone tensor out */
    const char *widen; /* gives this one 65 values in its last dimension */
    float scale;       /* of block 0's attn.proj.weight */
    bool gelu, plain;  /* GELU instead of SwiGLU; no registers, LayerScale or biases */
    size_t candidates; /* of the head file */
    size_t classes;
};
static const struct changes NONE = {.scale = 1, .candidates = 1, .classes = 2};

static void put(struct pth *pth, const struct changes *changes, const char *name, size_t rank,
                const size_t *shape, float scale)
{
    size_t sizes[4];
    memcpy(sizes, shape, rank * sizeof *sizes);
    if (changes->skip && !strcmp(changes->skip, name))
        return;
    if (changes->widen && !strcmp(changes->widen, name))
        sizes[rank - 1]++;
    char *key = arena_format(pth->arena, "backbone.%s", name);
    pth_tensor(pth, key, rank, sizes, scale);
}

static void put_block(struct pth *pth, const struct changes *changes, size_t block)
{
    const struct {
        const char *part;
        size_t rank, rows, columns;
        bool is_plain; /* there in a plain network, too */
    } parts[] = {
        {"norm1.weight", 1, WIDTH, 0, true},
        {"norm1.bias", 1, WIDTH, 0, true},
        {"norm2.weight", 1, WIDTH, 0, true},
        {"norm2.bias", 1, WIDTH, 0, true},
        {"attn.qkv.weight", 2, 3 * WIDTH, WIDTH, true},
        {"attn.qkv.bias", 1, 3 * WIDTH, 0, false},
        {"attn.proj.weight", 2, WIDTH, WIDTH, true},
        {"attn.proj.bias", 1, WIDTH, 0, false},
        {"ls1.gamma", 1, WIDTH, 0, false},
        {"ls2.gamma", 1, WIDTH, 0, false},
        {changes->gelu ? "mlp.fc1.weight" : "mlp.w12.weight", 2, changes->gelu ? HIDDEN : 2 * HIDDEN, WIDTH,
         true},
        {changes->gelu ? "mlp.fc1.bias" : "mlp.w12.bias", 1, changes->gelu ? HIDDEN : 2 * HIDDEN, 0, false},
        {changes->gelu ? "mlp.fc2.weight" : "mlp.w3.weight", 2, WIDTH, HIDDEN, true},
        {changes->gelu ? "mlp.fc2.bias" : "mlp.w3.bias", 1, WIDTH, 0, false},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[64];
        bool scaled = block == 0 && !strcmp(parts[i].part, "attn.proj.weight");
        snprintf(name, sizeof name, "blocks.%zu.%s", block, parts[i].part);
        if (parts[i].is_plain || !changes->plain)
            put(pth, changes, name, parts[i].rank, (size_t[]){parts[i].rows, parts[i].columns},
                scaled ? changes->scale : 1);
    }
}

static void make_backbone(const struct changes *changes)
{
    struct pth pth;
    pth_begin(&pth, "teacher");
    put(&pth, changes, "cls_token", 3, (size_t[]){1, 1, WIDTH}, 1);
    put(&pth, changes, "pos_embed", 3, (size_t[]){1, 1 + GRID * GRID, WIDTH}, 1);
    put(&pth, changes, "mask_token", 2, (size_t[]){1, WIDTH}, 1);
    if (!changes->plain)
        put(&pth, changes, "register_tokens", 3, (size_t[]){1, 4, WIDTH}, 1);
    put(&pth, changes, "patch_embed.proj.weight", 4, (size_t[]){WIDTH, 3, PATCH, PATCH}, 1);
    put(&pth, changes, "patch_embed.proj.bias", 1, (size_t[]){WIDTH}, 1);
    for (size_t i = 0; i < DEPTH; i++)
        put_block(&pth, changes, i);
    put(&pth, changes, "norm.weight", 1, (size_t[]){WIDTH}, 1);
    put(&pth, changes, "norm.bias", 1, (size_t[]){WIDTH}, 1);
    pth_tensor(&pth, "dino_head.mlp.0.weight", 2, (size_t[]){2, WIDTH}, 1);
    pth_end(&pth, backbone);
}

static void make_glori(size_t classes, size_t memory, bool class_tokens)
{
    const struct {
        const char *name;
        size_t rank, shape[3];
    } parts[] = {
        {"embed_standart.weight", 2, {EMBED, memory}},
        {"embed_standart.bias", 1, {EMBED}},
        {"query_embed.weight", 2, {classes, EMBED}},
        {"layers.0.multihead_attn.in_proj_weight", 2, {3 * EMBED, EMBED}},
        {"layers.0.multihead_attn.in_proj_bias", 1, {3 * EMBED}},
        {"layers.0.multihead_attn.out_proj.weight", 2, {EMBED, EMBED}},
        {"layers.0.multihead_attn.out_proj.bias", 1, {EMBED}},
        {"layers.0.norm1.weight", 1, {EMBED}},
        {"layers.0.norm1.bias", 1, {EMBED}},
        {"layers.0.norm2.weight", 1, {EMBED}},
        {"layers.0.norm2.bias", 1, {EMBED}},
        {"layers.0.norm3.weight", 1, {EMBED}},
        {"layers.0.norm3.bias", 1, {EMBED}},
        {"layers.0.linear1.weight", 2, {INNER, EMBED}},
        {"layers.0.linear1.bias", 1, {INNER}},
        {"layers.0.linear2.weight", 2, {EMBED, INNER}},
        {"layers.0.linear2.bias", 1, {EMBED}},
        {"duplicate_pooling", 3, {classes, class_tokens ? memory + EMBED : EMBED, 1}},
        {"duplicate_pooling_bias", 1, {classes}},
    };
    struct pth pth;
    pth_begin(&pth, "model");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        pth_tensor(&pth, arena_format(pth.arena, "%s%s", GLORI_PREFIX, parts[i].name), parts[i].rank,
                   parts[i].shape, 1);
    pth_end(&pth, head);
}

/* Linear heads on the last block's class token and mean patch token, of several learning rates. */
static void make_linear(const struct changes *changes)
{
    struct pth pth;
    pth_begin(&pth, "model");
    for (size_t i = 0; i < changes->candidates; i++) {
        const char *prefix =
            arena_format(pth.arena, "classifiers_dict.linear:blocks=1:avgpool=True:lr=0_%zu.linear", i + 1);
        pth_tensor(&pth, arena_format(pth.arena, "%s.weight", prefix), 2,
                   (size_t[]){changes->classes, 2 * WIDTH}, (float)(i + 1));
        pth_tensor(&pth, arena_format(pth.arena, "%s.bias", prefix), 1, (size_t[]){changes->classes}, 1);
    }
    pth_end(&pth, head);
}

static void make_folder(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    backbone = file_join(folder, "backbone.pth");
    head = file_join(folder, "head.pth");
    labels = file_join(folder, "labels.txt");
    output = file_join(folder, "package");
    file_put(labels, "Cardiomegaly\nNodule\n", 20);
    asked = (struct import_head){.name = "findings", .weights = head, .labels = labels};
    options = (struct import_options){
        .backbone = backbone, .image_size = 8, .output = output, .heads = &asked, .head_count = 1};
}

static void empty(const char *path)
{
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    rmdir(path);
}

static void remove_folder(void)
{
    empty(output);
    empty(folder);
    ck_assert_int_ne(access(folder, F_OK), 0); /* else a temporary folder was left behind */
    free(backbone);
    free(head);
    free(labels);
    free(output);
}

static struct json *read_card(void)
{
    struct bytes text;
    struct json *card = NULL;
    char *path = file_join(output, "model.json");
    ck_assert_int_eq(file_read(path, 1 << 20, &failure, &text), STATUS_OK);
    ck_assert_int_eq(json_parse(text, 16, &failure, &card), STATUS_OK);
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

static void expect(enum status status, const char *sentence)
{
    failure.sentence[0] = '\0';
    ck_assert_int_eq(checkpoint_import(&options, NULL, NULL, &failure), status);
    size_t length = strlen(failure.sentence), tail = strlen(sentence);
    ck_assert_msg(length >= tail && !strcmp(failure.sentence + length - tail, sentence), "%s",
                  failure.sentence);
    ck_assert_int_ne(access(output, F_OK), 0);
}

START_TEST(imports_swiglu_and_glori_at_fp16)
{
    make_backbone(&NONE);
    make_glori(2, 2 * WIDTH, true);
    ck_assert_msg(!checkpoint_import(&options, NULL, NULL, &failure), "%s", failure.sentence);
    struct json *card = read_card();
    const struct json *shape = json_member(card, "backbone"), *first = json_first(json_member(card, "heads"));
    ck_assert_double_eq(number(card, "format"), 1);
    ck_assert_str_eq(json_text(json_member(card, "name")), "package");
    ck_assert_double_eq(number(shape, "width"), WIDTH);
    ck_assert_double_eq(number(shape, "depth"), DEPTH);
    ck_assert_double_eq(number(shape, "heads"), 1);
    ck_assert_double_eq(number(shape, "patch_size"), PATCH);
    ck_assert_double_eq(number(shape, "image_size"), 8);
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
    struct changes changes = NONE;
    changes.gelu = changes.plain = true;
    changes.candidates = 2;
    changes.classes = 1;
    make_backbone(&changes);
    make_linear(&changes);
    asked = (struct import_head){.name = "mortality",
                                 .kind = IMPORT_RISK,
                                 .weights = head,
                                 .candidate = "linear:blocks=1:avgpool=True:lr=0.2"};
    options.precision = IMPORT_FP32;
    options.name = "m";
    options.version = "2.0";
    options.intended_use = "A test.";
    ck_assert_msg(!checkpoint_import(&options, NULL, NULL, &failure), "%s", failure.sentence);
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
    struct changes changes = NONE;
    changes.candidates = 3;
    make_backbone(&NONE);
    make_linear(&changes);
    expect(STATUS_INVALID_FILE, "head.pth: Choose one with results=FILE or candidate=KEY of "
                                "linear:blocks=1:avgpool=True:lr=0_{1, 2, 3}.");
    asked.candidate = "x";
    expect(STATUS_INVALID_FILE,
           "head.pth: No candidate 'x'; there are linear:blocks=1:avgpool=True:lr=0_{1, 2, 3}.");
    char *results = file_join(folder, "results");
    file_put(results, best, sizeof best - 1);
    asked.candidate = NULL;
    asked.results = results;
    ck_assert_msg(!checkpoint_import(&options, NULL, NULL, &failure), "%s", failure.sentence);
    struct json *card = read_card();
    check_weights(card, "head.findings.safetensors", "linear.weight", TENSOR_F16, 3);
    json_destroy(&card);
    free(results);
}
END_TEST

START_TEST(values_too_large_for_fp16_need_fp32)
{
    struct changes changes = NONE;
    changes.scale = 1e5f;
    make_backbone(&changes);
    make_linear(&NONE);
    expect(STATUS_INVALID_FILE,
           "backbone.pth: Tensor 'blocks.0.attn.proj.weight' holds -75000, too large for fp16. "
           "Import with --precision fp32.");
    options.precision = IMPORT_FP32;
    ck_assert_int_eq(checkpoint_import(&options, NULL, NULL, &failure), STATUS_OK);
}
END_TEST

START_TEST(values_that_are_not_finite_are_refused)
{
    struct changes changes = NONE;
    changes.scale = INFINITY;
    make_backbone(&changes);
    make_linear(&NONE);
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
     "backbone.pth: Tensor 'blocks.1.mlp.w12.weight' has shape [48, 65] where [48, 64] is needed."},
    {NULL, "cls_token",
     "backbone.pth: Its width of 65 is not a multiple of 64 up to 8192, the size of an attention head."},
    {NULL, "patch_embed.proj.weight", "backbone.pth: Its patches of 2 x 3 are not square."},
};

START_TEST(wrong_backbones_are_refused)
{
    struct changes changes = NONE;
    changes.skip = wrong_backbones[_i].skip;
    changes.widen = wrong_backbones[_i].widen;
    make_backbone(&changes);
    make_linear(&NONE);
    expect(STATUS_INVALID_FILE, wrong_backbones[_i].sentence);
}
END_TEST

START_TEST(wrong_heads_are_refused)
{
    make_backbone(&NONE);
    make_glori(2, 3 * WIDTH, false);
    expect(STATUS_INVALID_FILE,
           "head.pth: The candidate's name says 2 blocks, but its weights take 3 of width 64: it "
           "was trained on another backbone.");
    make_glori(2, 2 * WIDTH + 1, false);
    expect(STATUS_INVALID_FILE,
           "head.pth: Tensor 'embed_standart.weight' of shape [8, 129] does not fit a backbone of "
           "width 64 and 8 attention heads.");
    make_glori(3, 2 * WIDTH, false);
    expect(STATUS_INVALID_FILE, "labels.txt: it has 2 labels for the 3 classes of head 'findings'.");
    asked.labels = NULL;
    expect(STATUS_BAD_REQUEST, "Head 'findings' has 3 classes: name them with labels=FILE, one a line.");
    asked.weights = backbone;
    expect(STATUS_INVALID_FILE, "backbone.pth: No tensor of a head is in it ('...decoder.query_embed', "
                                "'...linear.weight'): is it a head's file?");
    options.backbone = head;
    expect(STATUS_INVALID_FILE, "head.pth: No tensor of a vision transformer is in it ('cls_token', "
                                "'blocks.0.norm1.weight', ...): is it the backbone's file?");
}
END_TEST

START_TEST(configuration_and_weights_must_agree)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"student: {patch_size: 14}",
         "The configuration says patch_size: 14 but the weights have 2: they do not belong together."},
        {"student: {num_register_tokens: 0}", "The configuration says num_register_tokens: 0 but the weights "
                                              "have 4: they do not belong together."},
        {"student: {ffn_layer: mlp}",
         "The configuration says ffn_layer: mlp but the weights are of swiglu: they do not belong together."},
        {"student: {interpolate_antialias: true}", "The configuration asks for interpolate_antialias, which "
                                                   "is not supported; choose an image size of 6, at "
                                                   "which nothing is interpolated."},
        {"student: {patch_size: x}",
         "config.yaml: student.patch_size is not a whole number from 0 to 1000000."},
    };
    char *config = file_join(folder, "config.yaml");
    options.config = config;
    make_backbone(&NONE);
    make_linear(&NONE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file_put(config, cases[i].text, strlen(cases[i].text));
        expect(STATUS_INVALID_FILE, cases[i].sentence);
    }
    static const char good[] = "student: {interpolate_offset: 0.0, ffn_layer: swiglufused}\ncrops: "
                               "{global_crops_size: 6}\n";
    file_put(config, good, sizeof good - 1);
    options.image_size = 0;
    ck_assert_msg(!checkpoint_import(&options, NULL, NULL, &failure), "%s", failure.sentence);
    struct json *card = read_card();
    ck_assert_double_eq(number(json_member(card, "backbone"), "image_size"), 6);
    ck_assert_double_eq(number(json_member(card, "backbone"), "interpolate_offset"), 0);
    json_destroy(&card);
    free(config);
}
END_TEST

START_TEST(wrong_options_are_refused)
{
    make_backbone(&NONE);
    make_linear(&NONE);
    options.image_size = 7;
    expect(STATUS_BAD_REQUEST, "An image size of 7 is not a multiple of the patch size 2 up to 8192.");
    options.image_size = 0;
    expect(STATUS_BAD_REQUEST, "The image size is not known: give --image-size, or a --config that says it.");
    options.image_size = 8;
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
    ck_assert_int_eq(checkpoint_import(&options, NULL, NULL, &failure), STATUS_BAD_REQUEST);
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
    make_backbone(&NONE);
    make_linear(&NONE);
    ck_assert_int_eq(checkpoint_import(&options, watch, last, &failure), STATUS_OK);
    ck_assert_uint_gt(last[0], 0);
    ck_assert_uint_eq(last[0], last[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import");
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
    tcase_add_test(all, configuration_and_weights_must_agree);
    tcase_add_test(all, wrong_options_are_refused);
    tcase_add_test(all, progress_goes_to_the_end);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
