/* LoRA adapters: what they add to the weights. */
#include "engine/base/file.h"
#include "engine/checkpoint/adapter.h"
#include "engine/checkpoint/import_backbone.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { W = PUBLISHED_WIDTH, RANK = 4 };

static const char config_text[] =
    "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 6, \"bias\": \"none\", "
    "\"rank_pattern\": {}, \"use_rslora\": false, \"use_dora\": false}";

/* Halves of the adapter of a module, whose values are those of their own names. */
static void add_adapter(struct published *published, const char *module, const char *end, size_t rows)
{
    char *down = arena_format(published->arena, "%s.lora_A.%s", module, end),
         *up = arena_format(published->arena, "%s.lora_B.%s", module, end);
    published_add(published, down, "A", 0, 2, (size_t[]){RANK, W});
    published_add(published, up, "B", 0, 2, (size_t[]){rows, RANK});
}

/* What A [RANK, W] and B add at a place of the adapted matrix. */
static double product(size_t row, size_t column)
{
    double sum = 0;
    for (size_t k = 0; k < RANK; k++)
        sum += (double)published_value("B", row * RANK + k) * (double)published_value("A", k * W + column);
    return sum;
}

/* The rows [first, first + rows) of block 1's attn.qkv.weight have scale B A added, and nothing else has. */
static void check(const char *path, double alpha, size_t first, size_t rows, double scale)
{
    struct backbone_import imported;
    const struct backbone_options options_of = {.path = path, .lora_alpha = alpha};
    ck_assert_msg(!import_backbone_open(&options_of, &failure, &imported), "%s", failure.sentence);
    ck_assert_ptr_eq(strstr(imported.note, "A LoRA adapter is merged into the weights."), imported.note);
    for (size_t i = 0; i < imported.selection.count; i++) {
        const struct selected *item = &imported.selection.items[i];
        float *values = memory_allocate(item->source->elements, sizeof *values);
        const bool adapted = !strcmp(item->name, "blocks.1.attn.qkv.weight");
        ck_assert_int_eq(selection_read(item, imported.checkpoint, &failure, values), STATUS_OK);
        for (size_t k = 0; k < item->source->elements; k++) {
            const size_t row = k / W, column = k % W;
            const double added =
                adapted && row >= first && row < first + rows ? scale * product(row - first, column) : 0;
            ck_assert_double_eq_tol((double)values[k], (double)published_value(item->name, k) + added, 1e-6);
        }
        free(values);
    }
    import_backbone_finish(&imported);
}

static void write_network(const struct published_form *form)
{
    struct published published;
    published_begin(&published);
    published_network(&published, form);
    published_write(&published, 0, published.count, weights);
    published_end(&published);
}

static void write_adapter(const char *module, const char *end, size_t rows)
{
    struct published published;
    published_begin(&published);
    add_adapter(&published, module, end, rows);
    published_write(&published, 0, published.count, adapter);
    published_end(&published);
    file_put(adapter_config, config_text, sizeof config_text - 1);
}

START_TEST(merges_an_adapter_that_lies_beside_the_weights)
{
    write_network(&(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    write_adapter("base_model.model.blocks.1.attn.qkv", "weight", 3 * W);
    check(published_folder, 0, 0, 3 * W, 1.5);

    static const char rooted[] = "{\"r\": 4, \"lora_alpha\": 6, \"use_rslora\": true}";
    file_put(adapter_config, rooted, sizeof rooted - 1);
    check(published_folder, 0, 0, 3 * W, 3);
}
END_TEST

/* As a download that was cut off leaves it: the model alone is another one than was meant. */
START_TEST(an_adapters_settings_ask_for_its_weights)
{
    write_network(&(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    file_put(adapter_config, config_text, sizeof config_text - 1);
    struct backbone_import imported;
    const struct backbone_options these = {.path = published_folder};
    ck_assert_int_eq(import_backbone_open(&these, &failure, &imported), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence,
                                 "It has the adapter_config.json of a LoRA adapter, of which "
                                 "no weights are there"));
}
END_TEST

START_TEST(merges_an_adapter_of_one_of_query_key_and_value)
{
    write_network(&(struct published_form){PUBLISHED_OLD, 0, false, "dinov2."});
    write_adapter("base_model.model.dinov2.encoder.layer.1.attention.attention.value", "weight", W);
    check(published_folder, 0, 2 * W, W, 1.5);
}
END_TEST

/* As the state dict of a whole PEFT model has it. */
START_TEST(merges_an_adapter_within_the_weights)
{
    struct published published;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "base_model.model."});
    for (size_t i = 0; i < published.count; i++)
        if (!strcmp(published.tensors[i].name, "base_model.model.blocks.1.attn.qkv.weight"))
            published.tensors[i].name = "base_model.model.blocks.1.attn.qkv.base_layer.weight";
    add_adapter(&published, "base_model.model.blocks.1.attn.qkv", "default.weight", 3 * W);
    published_write(&published, 0, published.count, backbone);
    published_end(&published);
    options.backbone = backbone;
    set_image_size(0);
    expect(STATUS_INVALID_FILE,
           "It holds a LoRA adapter of 'blocks.1.attn.qkv.weight' and its scale is not known: give the "
           "folder that adapter_config.json lies in, or the alpha that it was trained with as "
           "--lora-alpha N (its rank is 4).");
    check(backbone, 6, 0, 3 * W, 1.5);
}
END_TEST

/* Of the teacher's weights and the student's, each with an adapter, the teacher's alone are taken. */
START_TEST(a_students_adapter_is_not_the_teachers)
{
    struct published published;
    published_begin(&published);
    add_adapter(&published, "student.blocks.1.attn.proj", "weight", W);
    add_adapter(&published, "teacher.blocks.1.attn.qkv", "weight", 3 * W);
    add_adapter(&published, "student.blocks.1.attn.qkv", "weight", 3 * W);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "teacher."});
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "student."});
    published_write(&published, 0, published.count, backbone);
    published_end(&published);
    check(backbone, 6, 0, 3 * W, 1.5);
}
END_TEST

static void refuse(const char *sentence)
{
    set_image_size(0);
    expect(STATUS_INVALID_FILE, sentence);
}

START_TEST(adapters_that_do_not_fit_are_refused)
{
    struct published published;
    write_adapter("base_model.model.blocks.1.attn.qkv", "weight", 3 * W);
#define ALONE                                                                                            \
    "published: It holds a LoRA adapter ('blocks.1.attn.qkv.weight') and not the model that it adapts: " \
    "copy the adapter, as adapter_model.safetensors or .bin, and its adapter_config.json into that "     \
    "model's folder, and import that."
    refuse(ALONE);
    char *other_name = file_join(published_folder, "lora.safetensors");
    ck_assert_int_eq(rename(adapter, other_name), 0);
    refuse(ALONE);
    ck_assert_int_eq(unlink(other_name), 0);
    free(other_name);
    write_network(&(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    write_adapter("base_model.model.blocks.1.attn.qkv", "weight", W);
    refuse("The LoRA adapter of 'blocks.1.attn.qkv.weight', B [64, 4] and A [4, 64], does not fit its shape "
           "[192, 64].");
    published_begin(&published);
    published_add(&published, "blocks.1.attn.qkv.lora_A.weight", "A", 0, 2, (size_t[]){RANK, W});
    published_add(&published, "blocks.1.attn.qkv.lora_B.weight", "B", 0, 2, (size_t[]){3 * W, RANK - 1});
    published_write(&published, 0, 2, adapter);
    published_end(&published);
    refuse("The LoRA adapter of 'blocks.1.attn.qkv.weight', B [192, 3] and A [4, 64], does not fit its shape "
           "[192, 64].");
    published_begin(&published);
    published_add(&published, "blocks.1.attn.qkv.lora_A.weight", "A", 0, 2, (size_t[]){1025, W});
    published_add(&published, "blocks.1.attn.qkv.lora_B.weight", "B", 0, 2, (size_t[]){3 * W, 1025});
    published_write(&published, 0, 2, adapter);
    published_end(&published);
    refuse("The LoRA adapter of 'blocks.1.attn.qkv.weight' has rank 1025, over the limit of 1024.");
    write_adapter("base_model.model.blocks.7.attn.qkv", "weight", 3 * W);
    refuse("It holds a LoRA adapter of 'blocks.7.attn.qkv.weight', and the weights beside it have no such "
           "tensor: it adapts another model, whose files belong beside it.");
    write_adapter("base_model.model.blocks.1.mlp.fc3", "weight", W);
    refuse("Tensor 'base_model.model.blocks.1.mlp.fc3.lora_A.weight': a LoRA adapter of this form is not "
           "merged; merge "
           "it into the weights and save them again.");
    published_begin(&published);
    published_add(&published, "blocks.1.attn.qkv.lora_B.weight", "B", 0, 2, (size_t[]){3 * W, RANK});
    published_write(&published, 0, 1, adapter);
    published_end(&published);
    refuse("The LoRA adapter of 'blocks.1.attn.qkv.weight' has no lora_A.");
    write_adapter("blocks.1.attn.qkv", "weight", 3 * W);
    file_put(adapter_config, "{\"r\": 8, \"lora_alpha\": 8}", 25);
    refuse("The LoRA adapter of 'blocks.1.attn.qkv.weight' has rank 4 and adapter_config.json says r: 8: "
           "they do not "
           "belong together.");
}
END_TEST

/* {"state_dict": {...}}, as a trainer saves it. */
static void write_wrapped(const char *wrapper, const char *module, const char *beside)
{
    struct pth pth;
    pth_begin(&pth, wrapper);
    pth_tensor(&pth, arena_format(pth.arena, "%s.lora_A.weight", module), 2, (size_t[]){RANK, W}, 1);
    pth_tensor(&pth, arena_format(pth.arena, "%s.lora_B.weight", module), 2, (size_t[]){3 * W, RANK}, 1);
    if (beside) {
        pth_beside(&pth, beside);
        pth_tensor(&pth, "norm.weight", 1, (size_t[]){W}, 1);
    }
    pth_end(&pth, adapter);
    file_put(adapter_config, config_text, sizeof config_text - 1);
}

/* An adapter with a tensor more, which is not read. */
static void write_unread(const char *name)
{
    static const char quantised[] = "ctorch._utils\n_rebuild_qtensor\n)R";
    struct pth pth;
    struct buffer member = {.maximum = 256};
    pth_begin(&pth, NULL);
    pth_tensor(&pth, "base_model.model.blocks.1.attn.qkv.lora_A.weight", 2, (size_t[]){RANK, W}, 1);
    pth_tensor(&pth, "base_model.model.blocks.1.attn.qkv.lora_B.weight", 2, (size_t[]){3 * W, RANK}, 1);
    pickle_text(&member, name);
    pickle_bytes(&member, quantised, sizeof quantised - 1);
    pth_member(&pth, (struct bytes){member.data, member.size});
    buffer_finish(&member);
    pth_end(&pth, adapter);
}

START_TEST(an_adapters_file_is_merged_or_refused)
{
    struct backbone_import imported;
    const struct backbone_options these = {.path = published_folder};
    write_network(&(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    free(adapter);
    adapter = file_join(published_folder, "adapter_model.bin");
    write_wrapped("state_dict", "base_model.model.blocks.1.attn.qkv", NULL);
    ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
    const struct selected *item = selection_item(&imported.selection, "blocks.1.attn.qkv.weight");
    ck_assert_uint_eq(item->piece_count, 1);
    ck_assert_double_eq(item->pieces[0].scale, 1.5);
    import_backbone_finish(&imported);

    static const char none[] =
        "published: No tensor of adapter_model.bin is a LoRA adapter's of this network "
        "('blocks.0.attn.qkv.lora_A.weight', ...): to import the weights without it, "
        "take it out of the folder.";
    write_wrapped("state_dict", "student.blocks.1.attn.qkv", NULL);
    refuse(none);
    write_wrapped(NULL, "classifier.dense", NULL);
    refuse(none);
    write_wrapped("state_dict", "blocks.1.attn.qkv", "more");
    refuse(
        "adapter_model.bin: The file holds tensors under 'more', beside the state dict, which this program "
        "does not know. If the answers do not need them, save the state dict alone: "
        "torch.save(torch.load(FILE, 'cpu')['state_dict'], NEW_FILE).");
    write_wrapped("lora", "blocks.1.attn.qkv", NULL);
    refuse("adapter_model.bin: The file holds tensors under 'lora', and no state dict under a name that is "
           "known here ('state_dict', 'model', 'teacher', ...). If those are the weights, save them alone: "
           "torch.save(torch.load(FILE, 'cpu')['lora'], NEW_FILE).");
    write_unread("base_model.model.blocks.1.attn.qkv.gain");
    refuse("'base_model.model.blocks.1.attn.qkv.gain' is a tensor of quantised values, and no part of a "
           "backbone that "
           "this program knows: save the weights alone, as tensors of floats under their names.");
    file_put(adapter, "{\"weight_map\": {\"a\": \"model.safetensors\"}}", 43);
    refuse("adapter_model.bin: It is no file of weights.");
}
END_TEST

static void write_beginning(const char *value)
{
    char text[160];
    const int length = snprintf(text, sizeof text,
                                "{\"r\": 4, \"lora_alpha\": 6, \"layer_replication\": null, "
                                "\"init_lora_weights\": %s}",
                                value);
    file_put(adapter_config, text, (size_t)length);
}

/* Unless the weights that it adapts lie in the same file. */
START_TEST(an_adapter_of_changed_weights_is_not_merged_into_the_published)
{
    struct published published;
    static const char *const left_alone[] = {"true",         "false",   "null",
                                             "\"gaussian\"", "\"eva\"", "\"orthogonal\""};
    write_network(&(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    write_adapter("base_model.model.blocks.1.attn.qkv", "weight", 3 * W);
    for (size_t i = 0; i < sizeof left_alone / sizeof *left_alone; i++) {
        write_beginning(left_alone[i]);
        check(published_folder, 0, 0, 3 * W, 1.5);
    }
    write_beginning("\"pissa_niter_16\"");
    refuse("adapter_config.json: Its \"init_lora_weights\" is 'pissa_niter_16', which changes the weights "
           "that it "
           "adapts: merge the adapter in PEFT (merge_and_unload) and save the model.");
    write_beginning("\"olora\"");
    refuse("adapter_config.json: Its \"init_lora_weights\" is 'olora', which changes the weights that it "
           "adapts: "
           "merge the adapter in PEFT (merge_and_unload) and save the model.");

    ck_assert_int_eq(unlink(adapter), 0);
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    add_adapter(&published, "blocks.1.attn.qkv", "default.weight", 3 * W);
    published_write(&published, 0, published.count, weights);
    published_end(&published);
    check(published_folder, 0, 0, 3 * W, 1.5);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_published, remove_published);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, merges_an_adapter_that_lies_beside_the_weights);
    tcase_add_test(all, merges_an_adapter_of_one_of_query_key_and_value);
    tcase_add_test(all, merges_an_adapter_within_the_weights);
    tcase_add_test(all, an_adapters_settings_ask_for_its_weights);
    tcase_add_test(all, a_students_adapter_is_not_the_teachers);
    tcase_add_test(all, adapters_that_do_not_fit_are_refused);
    tcase_add_test(all, an_adapters_file_is_merged_or_refused);
    tcase_add_test(all, an_adapter_of_changed_weights_is_not_merged_into_the_published);
    return suite_run("adapter", all);
}
