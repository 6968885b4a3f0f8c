/* One network in every layout that it may be published in becomes one package. */
#include "engine/base/file.h"
#include "engine/checkpoint/import_backbone.h"
#include "engine/package/package.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    struct published_form form;
    const char *title, *profile;
    double offset;
    bool antialias;
} rows[] = {
    {{PUBLISHED_CHUNKS, 4, true, "backbone."},
     "CheXFound's and DINOv2's, of training in chunks",
     "chexfound",
     0.1,
     false},
    {{PUBLISHED_CHUNKS, 4, true, ""},
     "CheXFound's and DINOv2's, of training in chunks",
     "chexfound",
     0.1,
     false},
    {{PUBLISHED_CHUNKS, 0, true, "backbone."},
     "CheXFound's and DINOv2's, of training in chunks",
     "chexfound",
     0.1,
     false},
    {{PUBLISHED_CHUNKS, 0, false, ""}, "that of XRay-DINO's hub", "dinov2", 0.1, false},
    {{PUBLISHED_DINOV2, 0, false, "teacher.backbone."}, "DINOv2's, of training", "chexfound", 0.1, false},
    {{PUBLISHED_DINOV2, 4, true, "model.net."}, "DINOv2's, of training", "chexfound", 0.1, false},
    {{PUBLISHED_DINOV2, 0, false, ""}, "that of DINOv2's hub", "dinov2", 0.1, false},
    {{PUBLISHED_DINOV2, 4, true, ""}, "that of DINOv2's hub, with registers", "dinov2", 0, true},
    {{PUBLISHED_OLD, 0, false, ""}, "that of transformers' Dinov2", "dinov2", 0, false},
    {{PUBLISHED_OLD, 0, true, "dinov2."}, "that of transformers' Dinov2", "dinov2", 0, false},
    {{PUBLISHED_OLD, 4, false, "dinov2_with_registers."},
     "that of transformers' Dinov2WithRegisters",
     "dinov2",
     0,
     true},
    {{PUBLISHED_NEWER, 0, true, ""}, "that of transformers' Dinov2, since version 5", "dinov2", 0, false},
    {{PUBLISHED_NEWER, 4, false, "module.dinov2_with_registers."},
     "that of transformers' Dinov2WithRegisters, since version 5",
     "dinov2",
     0,
     true},
    {{PUBLISHED_TIMM, 4, false, ""}, "timm's, with registers", "dinov2", 0, true},
    {{PUBLISHED_TIMM, 0, false, ""}, "timm's, of a file alone", "dinov2", 0, true},
    {{PUBLISHED_TIMM, 0, true, "model."}, "timm's", "dinov2", 0, true}, /* packed SwiGLU */
};

/* Every value is what its name says, but for the row of zeros of timm's positions. */
static void check_values(struct backbone_import *imported, bool zero_row)
{
    for (size_t i = 0; i < imported->selection.count; i++) {
        const struct selected *item = &imported->selection.items[i];
        float *values = memory_allocate(item->source->elements, sizeof *values);
        ck_assert_int_eq(selection_read(item, imported->checkpoint, &failure, values), STATUS_OK);
        const size_t zeros = zero_row && !strcmp(item->name, "pos_embed") ? PUBLISHED_WIDTH : 0;
        for (size_t k = 0; k < item->source->elements; k++)
            ck_assert_msg(values[k] == (k < zeros ? 0 : published_value(item->name, k)), "%s[%zu]",
                          item->name, k);
        free(values);
    }
}

START_TEST(every_layout_is_the_same_network)
{
    struct published published;
    struct backbone_import imported;
    const struct published_form *form = &rows[_i].form;
    published_begin(&published);
    published_network(&published, form);
    published_write(&published, 0, published.count, backbone);
    published_end(&published);
    const struct backbone_options these = {.path = backbone};
    ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
    ck_assert_str_eq(imported.layout->title, rows[_i].title);
    ck_assert_str_eq(imported.profile.name, rows[_i].profile);
    ck_assert_str_eq(
        imported.note,
        form->layout != PUBLISHED_OLD && form->layout != PUBLISHED_NEWER ? ""
        : form->gated
            ? "Without its config.json LayerNorm's epsilon is taken to be 1e-06."
            : "Without its config.json LayerNorm's epsilon is taken to be 1e-06, and its activation gelu.");
    ck_assert_double_eq(imported.card.interpolate_offset, rows[_i].offset);
    ck_assert_int_eq(imported.card.interpolate_antialias, rows[_i].antialias);
    ck_assert_uint_eq(imported.card.registers, form->registers);
    ck_assert_int_eq(imported.card.ffn, form->gated ? FFN_SWIGLU : FFN_GELU);
    ck_assert_uint_eq(imported.card.ffn_hidden, PUBLISHED_HIDDEN);
    ck_assert_uint_eq(imported.card.position_grid, PUBLISHED_GRID);
    ck_assert_uint_eq(imported.card.image_height, PUBLISHED_GRID * PUBLISHED_PATCH);
    ck_assert_uint_eq(imported.selection.count, 7 + (form->registers > 0) - 1 + 14 * PUBLISHED_DEPTH);
    check_values(&imported, form->layout == PUBLISHED_TIMM && form->registers);
    import_backbone_finish(&imported);

    options.head_count = 0;
    set_image_size(0);
    ck_assert_msg(!checkpoint_import(&options, NULL, NULL, &failure, note, NULL), "%s", failure.sentence);
}
END_TEST

/* A network with a tensor that is not right in its layout: the sentence ends so. */
static void refuse(const struct published_form *form, const char *extra, const char *drop,
                   const char *sentence)
{
    struct published published;
    published_begin(&published);
    published_network(&published, form);
    for (size_t i = 0; drop && i < published.count; i++)
        if (!strcmp(published.tensors[i].name, drop))
            published.tensors[i] = published.tensors[--published.count];
    if (extra)
        published_add(&published, extra, extra, 0, 1, (size_t[]){PUBLISHED_WIDTH});
    published_write(&published, 0, published.count, backbone);
    published_end(&published);
    options.head_count = 0;
    set_image_size(0);
    expect(STATUS_INVALID_FILE, sentence);
}

/* Together they would have the right shape, with rows of one taken for rows of another. */
START_TEST(query_key_and_value_have_as_many_rows_each)
{
    static const char *const names[] = {"encoder.layer.0.attention.attention.query.bias",
                                        "encoder.layer.0.attention.attention.key.bias"};
    const struct published_form old = {PUBLISHED_OLD, 0, false, ""};
    struct published published;
    published_begin(&published);
    published_network(&published, &old);
    for (size_t i = 0; i < published.count; i++)
        for (size_t k = 0; k < 2; k++)
            if (!strcmp(published.tensors[i].name, names[k]))
                published.tensors[i] = published.tensors[--published.count];
    published_add(&published, names[0], "a", 0, 1, (size_t[]){PUBLISHED_WIDTH / 2});
    published_add(&published, names[1], "a", 0, 1, (size_t[]){PUBLISHED_WIDTH / 2 * 3});
    published_write(&published, 0, published.count, backbone);
    published_end(&published);
    options.head_count = 0;
    set_image_size(0);
    expect(
        STATUS_INVALID_FILE,
        "Tensor 'blocks.0.attn.qkv.bias' is made of 3 of the file's, whose shapes do not fit one another.");
}
END_TEST

START_TEST(what_is_not_of_a_layout_is_refused)
{
    const struct published_form old = {PUBLISHED_OLD, 0, false, ""}, timm = {PUBLISHED_TIMM, 4, false, ""},
                                plain = {PUBLISHED_DINOV2, 0, false, ""},
                                newer = {PUBLISHED_NEWER, 0, true, ""};
    refuse(&old, NULL, "encoder.layer.1.attention.attention.key.bias",
           "Tensor 'blocks.1.attn.qkv.bias' is made of 3 of the file's, of which the second is missing.");
    refuse(&newer, NULL, "encoder.layer.0.mlp.gate_proj.weight",
           "Tensor 'blocks.0.mlp.w12.weight' is made of 2 of the file's, of which the first is missing.");
    refuse(&old, "encoder.layer.0.attention.q_proj.bias", NULL,
           "Two tensors of the file are both 'blocks.0.attn.qkv.bias'.");
    refuse(&old, "layer.0.attn.qkv.bias", NULL, "Two tensors of the file are both 'blocks.0.attn.qkv.bias'.");
    refuse(&old, "blocks.0.attn.qkv.bias", "encoder.layer.0.attention.attention.query.bias",
           "'blocks.0.attn.qkv.bias' and 'embeddings.cls_token' are of two layouts, of which one is "
           "transformers', as parts of two networks do: save those of the one that is meant alone.");
    refuse(&timm, "fc_norm.weight", NULL,
           "Tensor 'fc_norm.weight': a LayerNorm behind the pooling, in the place of the last one, is not "
           "supported.");
    refuse(&plain, "blocks.0.attn.rel_pos_h", NULL,
           "Tensor 'blocks.0.attn.rel_pos_h': relative position bias is not supported.");
    refuse(&plain, "student.pos_embed", NULL,
           "It holds the weights twice, once under 'student.' and once not, and does not say which answer. "
           "Save those "
           "that are meant alone, as a state dict.");
}
END_TEST

/* Whole, and then a part of it, in this order: one of the two would be dropped. */
START_TEST(a_tensor_and_a_part_of_it_are_two)
{
    static const char *const parts[] = {"gate_proj", "up_proj"};
    struct pth pth;
    pth_begin(&pth, NULL);
    pth_claim(&pth, "encoder.layer.0.mlp.weights_in.bias", 1, (size_t[]){2 * PUBLISHED_HIDDEN});
    pth_claim(&pth, arena_format(pth.arena, "encoder.layer.0.mlp.%s.bias", parts[_i]), 1,
              (size_t[]){PUBLISHED_HIDDEN});
    pth_end(&pth, backbone);
    options.head_count = 0;
    set_image_size(0);
    expect(STATUS_INVALID_FILE, "Two tensors of the file are both 'blocks.0.mlp.w12.bias'.");
}
END_TEST

static void check_title(const char *title, const char *profile, double offset)
{
    struct backbone_import imported;
    const struct backbone_options these = {.path = backbone};
    ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
    ck_assert_str_eq(imported.layout->title, title);
    ck_assert_str_eq(imported.profile.name, profile);
    ck_assert_double_eq(imported.card.interpolate_offset, offset);
    import_backbone_finish(&imported);
}

/* timm calls its head so, and others do, too: what timm's networks never have goes before it. */
START_TEST(a_head_makes_no_other_network_timms)
{
    static const struct {
        struct published_form form;
        const char *head, *title, *profile;
    } cases[] = {
        {{PUBLISHED_CHUNKS, 0, false, ""}, "head.weight", "that of XRay-DINO's hub", "dinov2"},
        {{PUBLISHED_DINOV2, 0, false, ""}, "head.weight", "that of DINOv2's hub", "dinov2"},
        {{PUBLISHED_DINOV2, 4, false, "model."}, "model.head.weight", "DINOv2's, of training", "chexfound"},
        {{PUBLISHED_CHUNKS, 4, true, "backbone."},
         "backbone.head.weight",
         "CheXFound's and DINOv2's, of training in chunks",
         "chexfound"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct published published;
        published_begin(&published);
        published_network(&published, &cases[i].form);
        published_add(&published, cases[i].head, "head", 0, 2, (size_t[]){2, PUBLISHED_WIDTH});
        published_write(&published, 0, published.count, backbone);
        published_end(&published);
        check_title(cases[i].title, cases[i].profile, 0.1);
    }
}
END_TEST

/* DINOv2's hub has networks of patches of 14 pixels alone. */
START_TEST(patches_of_another_size_are_not_the_hubs)
{
    enum { W = PUBLISHED_WIDTH };
    static const size_t sides[] = {8, 13, 15, 16};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        struct pth pth;
        pth_begin(&pth, NULL);
        pth_claim(&pth, "cls_token", 3, (size_t[]){1, 1, W});
        pth_claim(&pth, "register_tokens", 3, (size_t[]){1, 4, W});
        pth_claim(&pth, "pos_embed", 3, (size_t[]){1, 10, W});
        pth_claim(&pth, "patch_embed.proj.weight", 4, (size_t[]){W, 3, sides[i], sides[i]});
        pth_claim(&pth, "blocks.0.mlp.fc2.weight", 2, (size_t[]){W, 2 * W});
        pth_end(&pth, backbone);
        check_title("DINOv2's, of training", "chexfound", 0.1);
    }
}
END_TEST

START_TEST(positions_of_registers_are_refused)
{
    const struct published_form timm = {PUBLISHED_TIMM, 4, false, ""};
    struct published published;
    published_begin(&published);
    published_network(&published, &timm);
    published.tensors[1].name = "unused";
    published_add(&published, "pos_embed", "pos_embed", 0, 3, (size_t[]){1, 14, PUBLISHED_WIDTH});
    published.tensors[1] = published.tensors[--published.count];
    published_write(&published, 0, published.count, backbone);
    published_end(&published);
    options.head_count = 0;
    set_image_size(0);
    expect(STATUS_INVALID_FILE, "Tensor 'pos_embed' has 14 rows, which is not a square grid: positions of "
                                "the class token or of the 4 "
                                "register tokens ('reg_token') are not supported.");
}
END_TEST

START_TEST(of_teacher_and_student_the_teacher_is_taken)
{
    const struct published_form teacher = {PUBLISHED_DINOV2, 0, false, "teacher.backbone."},
                                student = {PUBLISHED_DINOV2, 4, true, "student.backbone."};
    struct published published;
    struct backbone_import imported;
    const struct backbone_options these = {.path = backbone};
    published_begin(&published);
    published_network(&published, &student);
    const size_t of_student = published.count;
    published_network(&published, &teacher);
    published_write(&published, 0, published.count, backbone);
    ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
    ck_assert_uint_eq(imported.card.registers, 0);
    ck_assert_str_eq(imported.note, "");
    import_backbone_finish(&imported);

    published_write(&published, 0, of_student, backbone);
    published_end(&published);
    ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
    ck_assert_uint_eq(imported.card.registers, 4);
    ck_assert_str_eq(imported.note,
                     "These are a student's weights: a teacher's, which training publishes, answer better.");
    import_backbone_finish(&imported);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, every_layout_is_the_same_network, 0, sizeof rows / sizeof *rows);
    tcase_add_test(all, what_is_not_of_a_layout_is_refused);
    tcase_add_test(all, query_key_and_value_have_as_many_rows_each);
    tcase_add_loop_test(all, a_tensor_and_a_part_of_it_are_two, 0, 2);
    tcase_add_test(all, a_head_makes_no_other_network_timms);
    tcase_add_test(all, patches_of_another_size_are_not_the_hubs);
    tcase_add_test(all, positions_of_registers_are_refused);
    tcase_add_test(all, of_teacher_and_student_the_teacher_is_taken);
    return suite_run("layouts", all);
}
