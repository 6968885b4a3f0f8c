/* Nothing of a checkpoint that changes its answers goes unread, and no package is made that would not load.
 */
#include "engine/base/file.h"
#include "engine/checkpoint/selection.h"
#include "engine/package/package.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each of these went unread, and the network that was written answered something else. */
static const struct {
    const char *key, *sentence;
} additions[] = {
    {"backbone.norm_pre.weight",
     "backbone.pth: Tensor 'backbone.norm_pre.weight': a LayerNorm before the first block is not supported."},
    {"backbone.fc_norm.weight",
     "backbone.pth: Tensor 'backbone.fc_norm.weight': a LayerNorm behind the pooling, in "
     "the place of the last one, is not supported."},
    {"backbone.rope_embed.periods",
     "backbone.pth: Tensor 'backbone.rope_embed.periods': rotary position embedding is not supported."},
    {"backbone.blocks.0.attn.q_norm.weight",
     "backbone.pth: Tensor 'backbone.blocks.0.attn.q_norm.weight': a LayerNorm "
     "of queries and keys is not supported."},
    {"backbone.blocks.0.attn.qkv.lora_A.default.weight",
     "backbone.pth: The LoRA adapter of 'blocks.0.attn.qkv.weight' has no lora_B."},
    {"backbone.blocks.0.attn.qkv.lora_A", "backbone.pth: Tensor 'backbone.blocks.0.attn.qkv.lora_A': a LoRA "
                                          "adapter of this form is not merged; merge it "
                                          "into the weights and save them again."},
    {"backbone.register_token",
     "backbone.pth: Tensor 'backbone.register_token' is no part of a backbone that this "
     "program knows; the nearest name it knows is 'register_tokens'."},
    {"backbone.reg_token", "backbone.pth: Two tensors of the file are both 'register_tokens'."},
    {"backbone.blocks.0.mlp.gate.weight", "backbone.pth: Tensor 'backbone.blocks.0.mlp.gate.weight' is no "
                                          "part of a backbone that this program knows; the "
                                          "nearest name it knows is 'blocks.0.mlp.w12.weight'."},
    {"embeddings.cls_token", "backbone.pth: Two tensors of the file are both 'cls_token'."},
    {"teacher.backbone.cls_token", "backbone.pth: It holds the weights twice, once under 'teacher.' and once "
                                   "not, and does not say which answer. Save "
                                   "those that are meant alone, as a state dict."},
    {"adapter", "backbone.pth: Tensor 'adapter' is no part of a backbone that this program knows."},
    {"backbone.blocks.2.norm1.weight",
     "backbone.pth: Tensor 'blocks.2.norm1.bias' of shape [64] is missing."},
    {"backbone.blocks.0.mlp.fc1.bias", "backbone.pth: Tensor 'blocks.0.mlp.fc1.bias' is there, but the "
                                       "network as it is described does not use it: "
                                       "they do not belong together."},
};

START_TEST(nothing_of_a_backbone_is_dropped)
{
    struct sample_changes changes = SAMPLE_AS_IS;
    changes.add = additions[_i].key;
    sample_backbone(backbone, &changes);
    sample_linear(head, &SAMPLE_AS_IS);
    expect(STATUS_INVALID_FILE, additions[_i].sentence);
}
END_TEST

START_TEST(nothing_of_a_head_is_dropped)
{
    struct sample_changes changes = SAMPLE_AS_IS;
    sample_backbone(backbone, &SAMPLE_AS_IS);
    changes.add = "classifiers_dict.linear:blocks=1:avgpool=True:lr=0_1.norm.weight";
    sample_linear(head, &changes);
    expect(STATUS_INVALID_FILE,
           "head.pth: Tensor 'norm.weight' is no part of a head that this program knows.");
    changes.add = "temperature";
    sample_linear(head, &changes);
    expect(STATUS_INVALID_FILE,
           "head.pth: Tensor 'temperature' is no part of a head that this program knows.");
    changes.add = "classifiers_dict.other.norm.weight"; /* another candidate, which is not taken */
    sample_linear(head, &changes);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
}
END_TEST

START_TEST(a_head_with_a_backbone_of_its_own_needs_that_one)
{
    struct sample_changes changes = SAMPLE_AS_IS;
    sample_backbone(backbone, &SAMPLE_AS_IS);
    changes.add = "0.norm.weight";
    sample_linear(head, &changes);
    expect(STATUS_INVALID_FILE,
           "head.pth: It holds a backbone, too, which the head was trained with: give this file as "
           "--backbone of cxrd import.");
}
END_TEST

/* What lies beside the state dict. */
START_TEST(tensors_beside_the_state_dict_are_known_or_refused)
{
    static const struct {
        const char *name, *sentence; /* NULL: taken */
    } cases[] = {
        {"optimizer", NULL},
        {"ema", NULL}, /* a teacher is the one that answers */
        {"adapter",
         "backbone.pth: The file holds tensors under 'adapter', beside the state dict, which this program "
         "does not know. If the answers do not need them, save the state dict alone: "
         "torch.save(torch.load(FILE, 'cpu')['teacher'], NEW_FILE)."}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sample_changes changes = SAMPLE_AS_IS;
        changes.beside = cases[i].name;
        sample_backbone(backbone, &changes);
        sample_linear(head, &SAMPLE_AS_IS);
        if (cases[i].sentence)
            expect(STATUS_INVALID_FILE, cases[i].sentence);
        else
            ck_assert_msg(!import_now(), "%s", failure.sentence);
        empty(output);
    }
}
END_TEST

/* Import refuses what the loader would: a package that it made always loads. */
START_TEST(what_the_loader_refuses_is_never_made)
{
    struct sample_changes changes = SAMPLE_AS_IS;
    sample_backbone(backbone, &SAMPLE_AS_IS);
    sample_linear(head, &SAMPLE_AS_IS);
    set_image_size(8);
    expect(STATUS_INVALID_FILE, "\"image_size\" of \"backbone\" must be a whole number from 16 to 4096.");
    set_image_size(8192);
    expect(STATUS_INVALID_FILE, "\"image_size\" of \"backbone\" must be a whole number from 16 to 4096.");
    set_image_size(16);
    options.name = "m\x1b[2J";
    expect(STATUS_INVALID_FILE, "\"name\" holds control characters or is not UTF-8.");
    options.name = NULL;
    changes.gelu = true;
    changes.hidden = 72;
    sample_backbone(backbone, &changes);
    expect(STATUS_INVALID_FILE, "\"ffn_hidden\" of \"backbone\" must be a multiple of 64.");
}
END_TEST

/* Sizes are not cut to 32 bits, which would make 0 of a width of 2^32, before a head is held against them. */
START_TEST(sizes_over_the_limits_are_refused)
{
    static const struct {
        size_t width, patch, registers, hidden, last_block;
        const char *sentence;
    } cases[] = {
        {(size_t)1 << 32, 8, 4, 64, 0, "backbone.pth: Its width of 4294967296 is over the limit of 2048."},
#define OTHER_HEADS(width)                                                                                \
    "backbone.pth: Its width of " #width " is that of networks whose heads of attention are not 64 wide " \
    "(ViT-H, ViT-G), and nothing says how many it has: give its configuration (num_heads) as --config."
        {1280, 14, 4, 64, 0, OTHER_HEADS(1280)},
        {1408, 14, 4, 64, 0, OTHER_HEADS(1408)},
        {1664, 14, 4, 64, 0, OTHER_HEADS(1664)},
        {2112, 8, 4, 64, 0, "backbone.pth: Its width of 2112 is over the limit of 2048."},
        {64, 65, 4, 64, 0, "backbone.pth: Its patch size of 65 is over the limit of 64."},
        {64, 8, (size_t)1 << 32, 64, 0,
         "backbone.pth: Its number of register tokens of 4294967296 is over the limit of 64."},
        {64, 8, 4, (size_t)1 << 32, 0,
         "backbone.pth: Its feed-forward's width of 4294967296 is over the limit of 16384."},
        {64, 8, 4, 64, 128, "backbone.pth: Its depth of 129 is over the limit of 128."},
        {2048, 64, 64, 16384, 127,
         "backbone.pth: Tensor 'patch_embed.proj.bias' of shape [2048] is missing."},
    };
    sample_linear(head, &SAMPLE_AS_IS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pth pth;
        char block[32];
        const size_t D = cases[i].width, P = cases[i].patch;
        snprintf(block, sizeof block, "blocks.%zu.norm2.weight", cases[i].last_block);
        pth_begin(&pth, NULL);
        pth_claim(&pth, "cls_token", 3, (size_t[]){1, 1, D});
        pth_claim(&pth, "pos_embed", 3, (size_t[]){1, 1 + GRID * GRID, D});
        pth_claim(&pth, "register_tokens", 3, (size_t[]){1, cases[i].registers, D});
        pth_claim(&pth, "patch_embed.proj.weight", 4, (size_t[]){D, 3, P, P});
        pth_claim(&pth, "blocks.0.mlp.fc2.weight", 2, (size_t[]){D, cases[i].hidden});
        pth_claim(&pth, block, 1, (size_t[]){D});
        pth_end(&pth, backbone);
        set_image_size(0);
        expect(STATUS_INVALID_FILE, cases[i].sentence);
    }
}
END_TEST

START_TEST(a_file_name_of_any_bytes_is_noted)
{
    struct bytes text;
    char *odd = file_join(folder, "t\xeate.pth"), *path = file_join(output, "model.json");
    sample_backbone(backbone, &SAMPLE_AS_IS);
    sample_linear(odd, &SAMPLE_AS_IS);
    asked.weights = odd;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_int_eq(file_read(path, 1 << 20, NULL, &text), STATUS_OK);
    ck_assert_ptr_nonnull(memmem(text.data, text.size, "\"t?te.pth\"", strlen("\"t?te.pth\"")));
    free((void *)text.data);
    free(path);
    free(odd);
}
END_TEST

START_TEST(the_package_is_sealed_and_its_labels_bound)
{
    struct package *package = NULL;
    sample_backbone(backbone, &SAMPLE_AS_IS);
    sample_glori(head, 2, 2 * WIDTH, true);
    file_put(labels,
             "\xef\xbb\xbf"
             "Edema\r\nNodule\r\n\r\n",
             20);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_msg(!package_open(output, &failure, &package), "%s", failure.sentence);
    ck_assert_msg(!package_verify(package, &failure), "%s", failure.sentence);
    const struct model_card *card = package_card(package);
    ck_assert_uint_eq(strlen(card->package_sha256), 64);
    ck_assert_str_eq(card->heads[0].labels[0].name, "Edema"); /* the mark before it is no part of it */
    ck_assert_str_eq(card->heads[0].labels[0].codes[0].code, "19242006");
    ck_assert_str_eq(json_text(json_member(safetensors_metadata(package_head(package, 0)), "labels")),
                     "[\"Edema\",\"Nodule\"]");
    package_close(&package);
}
END_TEST

START_TEST(a_tensor_of_a_type_that_is_not_read_is_called_what_it_is)
{
    static const enum tensor_type types[] = {TENSOR_F8_E4M3, TENSOR_F8_E5M2, TENSOR_I64, TENSOR_BOOL};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const struct stored_tensor stored = {.type = types[i]};
        const struct value value = {.kind = VALUE_TENSOR, .tensor = &stored};
        char sentence[128];
        snprintf(sentence, sizeof sentence,
                 "'cls_token' is a tensor of %s, where a tensor of floats of 16, 32 or 64 bits is needed.",
                 tensor_type_name(types[i]));
        ck_assert_int_eq(selection_check("cls_token", &value, &failure), STATUS_INVALID_FILE);
        ck_assert_str_eq(failure.sentence, sentence);
    }
}
END_TEST

/* Cuts the source short once so many bytes of work are done. */
struct cutting {
    const char *path;
    size_t at_bytes;
    bool done;
};

static void cut_source(void *context, size_t done_bytes, size_t total_bytes)
{
    struct cutting *cutting = context;
    (void)total_bytes;
    if (cutting->done || done_bytes < cutting->at_bytes)
        return;
    ck_assert_int_eq(truncate(cutting->path, 1000), 0);
    cutting->done = true;
}

/* In any moment of it: that is the sentence, not what the rest of the file then looks like. */
START_TEST(a_source_that_is_cut_short_meanwhile_leaves_no_package)
{
    for (size_t at = 1; at; at *= 4) {
        struct cutting cutting = {backbone, at, false};
        sample_backbone(backbone, &SAMPLE_AS_IS);
        sample_linear(head, &SAMPLE_AS_IS);
        failure.sentence[0] = '\0';
        enum status status = checkpoint_import(&options, cut_source, &cutting, &failure, note, NULL);
        if (!cutting.done) {
            ck_assert_msg(!status && at > 1000, "%s", failure.sentence);
            return;
        }
        ck_assert_int_eq(status, STATUS_INVALID_FILE);
        ck_assert_msg(strstr(failure.sentence, "backbone.pth: It was changed while it was in use."), "%s",
                      failure.sentence);
        ck_assert_int_ne(access(output, F_OK), 0);
    }
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, nothing_of_a_backbone_is_dropped, 0, sizeof additions / sizeof *additions);
    tcase_add_test(all, nothing_of_a_head_is_dropped);
    tcase_add_test(all, a_head_with_a_backbone_of_its_own_needs_that_one);
    tcase_add_test(all, tensors_beside_the_state_dict_are_known_or_refused);
    tcase_add_test(all, what_the_loader_refuses_is_never_made);
    tcase_add_test(all, sizes_over_the_limits_are_refused);
    tcase_add_test(all, a_file_name_of_any_bytes_is_noted);
    tcase_add_test(all, the_package_is_sealed_and_its_labels_bound);
    tcase_add_test(all, a_tensor_of_a_type_that_is_not_read_is_called_what_it_is);
    if (!under_valgrind())
        tcase_add_test(all, a_source_that_is_cut_short_meanwhile_leaves_no_package);
    return suite_run("import_strict", all);
}
