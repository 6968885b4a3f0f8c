/* What is given as a backbone or a head and is something else, or only a part of what lies there. */
#include "engine/base/file.h"
#include "engine/checkpoint/add_heads.h"
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

/* A network at that path, with a tensor more where `extra` is not NULL. */
static void write_network(const char *path, bool gated, const char *extra)
{
    struct published published;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_OLD, 0, gated, "dinov2."});
    if (extra)
        published_add(&published, extra, extra, 0, 2, (size_t[]){2, 2 * PUBLISHED_WIDTH});
    published_write(&published, 0, published.count, path);
    published_end(&published);
}

/* Tensors [rows, columns] of those names, which end in NULL, at that path. */
static void write_tensors(const char *path, const char *const *names, size_t rows, size_t columns)
{
    struct published published;
    published_begin(&published);
    for (; *names; names++)
        published_add(&published, *names, *names, 0, columns ? 2 : 1, (size_t[]){rows, columns});
    published_write(&published, 0, published.count, path);
    published_end(&published);
}

static void put(const char *name, const char *text)
{
    char *path = file_join(published_folder, name);
    file_put(path, text, strlen(text));
    free(path);
}

#define ANOTHER_NETWORK                                                                                \
    "), and read alone would become another network: use the package as it is, or import what it was " \
    "made from."

/* Its tensors have timm's names; what its model.json says is lost without it. */
START_TEST(a_packages_file_is_no_backbone)
{
    static const char sentence[] = "It is part of a model package (model.json lies beside it" ANOTHER_NETWORK;
    char *link_path = file_join(folder, "linked.safetensors"), *package = output;
    write_network(weights, false, NULL);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    char *file = file_join(package, "backbone.safetensors"), *card = file_join(package, "model.json");
    const char *const given[] = {file, card, link_path};
    output = file_join(folder, "another");
    options.output = output;
    ck_assert_int_eq(symlink(file, link_path), 0);
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        options.backbone = given[i];
        expect(STATUS_INVALID_FILE, sentence);
    }
    unlink(weights); /* a folder whose weights are such a link */
    ck_assert_int_eq(symlink(file, weights), 0);
    options.backbone = published_folder;
    expect(STATUS_INVALID_FILE, sentence);
    empty(package);
    free(card);
    free(file);
    free(package);
    free(link_path);
}
END_TEST

START_TEST(a_packages_file_is_none_wherever_it_is_moved)
{
    write_network(weights, false, NULL);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    char *file = file_join(output, "backbone.safetensors");
    ck_assert_int_eq(rename(file, weights), 0);
    empty(output);
    const char *const given[] = {weights, published_folder};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        options.backbone = given[i];
        expect(STATUS_INVALID_FILE, ": It is part of a model package (its metadata says so" ANOTHER_NETWORK);
    }
    free(file);
}
END_TEST

/* The folder that the import itself makes, whose files are several. */
START_TEST(a_package_is_no_backbone)
{
    write_network(weights, false, NULL);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    char *package = output, *more = file_join(package, "head.a.safetensors");
    output = file_join(folder, "another");
    options.output = output;
    options.backbone = package;
    write_network(more, false, NULL);
    expect(STATUS_INVALID_FILE,
           ": It is a model package already: use it as it is, or import what it was made from.");
    empty(package);
    free(more);
    free(package);
}
END_TEST

static void check_note(const struct backbone_options *these, const char *holds, const char *holds_not)
{
    struct backbone_import imported;
    ck_assert_msg(!import_backbone_open(these, &failure, &imported), "%s", failure.sentence);
    ck_assert_msg(strstr(imported.note, holds) != NULL, "%s", imported.note);
    ck_assert_msg(!holds_not || !strstr(imported.note, holds_not), "%s", imported.note);
    import_backbone_finish(&imported);
}

static const struct {
    const char *name, *text, *says; /* says: in the note, behind the path */
} beside[] = {
    {"config.json", "{\"layer_norm_eps\": 0.001}",
     "/config.json' says of the network is not read: --config takes it, and --backbone the whole folder."},
    {"config.yaml", "student: {}",
     "/config.yaml' says of the network is not read: --config takes it, and --backbone the whole folder."},
    {"adapter_config.json", "{\"lora_alpha\": 4}",
     "/adapter_config.json' says of a LoRA adapter is not read: --backbone takes the whole folder."},
    {"processor_config.json", "{}",
     "/processor_config.json' says of pictures is not read: --preprocessor takes it."},
};

START_TEST(what_lies_beside_a_file_is_named)
{
    const struct backbone_options file = {.path = weights};
    write_network(weights, false, NULL);
    check_note(&file, "activation gelu.", "is not read");
    put(beside[_i].name, beside[_i].text);
    check_note(&file, beside[_i].says, NULL);
}
END_TEST

START_TEST(what_is_read_is_not_said_to_be_unread)
{
    write_network(weights, false, NULL);
    put("preprocessor_config.json", "{}");
    put("config.json", "{\"layer_norm_eps\": 0.001, \"hidden_size\": 64}");
    const struct backbone_options file = {.path = weights, .config = published_config, .profile = "dinov2"};
    struct backbone_import imported;
    ck_assert_msg(!import_backbone_open(&file, &failure, &imported), "%s", failure.sentence);
    ck_assert_str_eq(imported.note, "");
    ck_assert_double_eq(imported.card.layer_norm_epsilon, 0.001);
    import_backbone_finish(&imported);
}
END_TEST

START_TEST(a_gated_network_has_no_gelu)
{
    write_network(weights, true, NULL);
    check_note(&(struct backbone_options){.path = weights}, "epsilon is taken to be 1e-06.", "gelu");
}
END_TEST

START_TEST(one_file_of_several_is_refused)
{
    char *part = file_join(published_folder, "model-00001-of-00002.safetensors");
    write_network(part, false, "classifier.weight");
    options.backbone = part;
    expect(STATUS_INVALID_FILE,
           "/model-00001-of-00002.safetensors: By its name it is one of 2 files, and the "
           "others hold the rest: give the folder that they lie in, or their index "
           "(.index.json).");
    write_network(weights, false, NULL);
    options.backbone = published_folder;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    asked.weights = part; /* the bias may lie in the other */
    char sha256[SHA256_HEX_BYTES];
    ck_assert_int_eq(checkpoint_add_heads(output, &asked, 1, NULL, NULL, NULL, &failure, note, sha256),
                     STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, ": By its name it is one of 2 files"));
    empty(output);
    char *whole = file_join(published_folder, "model-00001-of-00001.safetensors");
    write_network(whole, false, NULL);
    options.backbone = whole;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    free(whole);
    free(part);
}
END_TEST

START_TEST(a_head_is_no_backbone)
{
    static const char *const kinds[][2] = {{"weight", NULL}, {"classifier.weight", NULL}},
                             *const others[] = {"temperature", NULL}, *const none[] = {NULL};
    options.backbone = weights;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        write_tensors(weights, kinds[i], 2, PUBLISHED_WIDTH);
        expect(
            STATUS_INVALID_FILE,
            "It is a head and holds no backbone: import the backbone that it was trained on, and give this "
            "file as weights= of its --head.");
    }
    write_tensors(weights, others, 2, PUBLISHED_WIDTH);
    expect(STATUS_INVALID_FILE, "Tensor 'temperature' is no part of a backbone that this program knows.");
    write_tensors(weights, none, 0, 0);
    expect(STATUS_INVALID_FILE, "No tensor of a vision transformer is in it ('cls_token', "
                                "'blocks.0.norm1.weight', ...): is it the backbone's file?");
}
END_TEST

static void refuse_head(const char *sentence)
{
    options.head_count = 1;
    expect(STATUS_INVALID_FILE, sentence);
    options.head_count = 0;
}

START_TEST(a_head_beside_an_adapter_needs_the_model)
{
    static const char *const names[] = {
        "base_model.model.dinov2.encoder.layer.0.attention.attention.query.lora_A.weight",
        "base_model.model.dinov2.encoder.layer.0.attention.attention.query.lora_B.weight",
        "base_model.model.classifier.weight", NULL};
    write_network(weights, false, NULL);
    write_tensors(head, names, PUBLISHED_WIDTH, PUBLISHED_WIDTH);
    refuse_head("The head was trained with the LoRA adapter beside it: copy both files of the adapter into "
                "the folder of the model that it adapts, and give that folder as --backbone of cxrd import "
                "and as weights= of its --head.");
}
END_TEST

START_TEST(a_transposed_head_is_told)
{
    static const char *const names[] = {"weight", NULL};
    write_network(weights, false, NULL);
    write_tensors(head, names, PUBLISHED_WIDTH, 2);
    refuse_head("Its weight is [64, 2], of which the first is a multiple of the backbone's width 64, and the "
                "second should be: it is transposed, or was trained on another backbone.");
}
END_TEST

START_TEST(the_only_head_has_no_candidate)
{
    static const char *const names[] = {"weight", NULL};
    write_network(weights, false, NULL);
    write_tensors(head, names, 2, 2 * PUBLISHED_WIDTH);
    asked.candidate = "x";
    refuse_head("It holds one head, which has no candidate's name: leave 'x' out.");
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_published, remove_published);
    tcase_add_test(all, a_packages_file_is_no_backbone);
    tcase_add_test(all, a_packages_file_is_none_wherever_it_is_moved);
    tcase_add_test(all, a_package_is_no_backbone);
    tcase_add_loop_test(all, what_lies_beside_a_file_is_named, 0, sizeof beside / sizeof *beside);
    tcase_add_test(all, what_is_read_is_not_said_to_be_unread);
    tcase_add_test(all, a_gated_network_has_no_gelu);
    tcase_add_test(all, one_file_of_several_is_refused);
    tcase_add_test(all, a_head_is_no_backbone);
    tcase_add_test(all, a_head_beside_an_adapter_needs_the_model);
    tcase_add_test(all, a_transposed_head_is_told);
    tcase_add_test(all, the_only_head_has_no_candidate);
    return suite_run("given", all);
}
