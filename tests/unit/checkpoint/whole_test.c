/* What is taken of a checkpoint is one network, whole, and the one that is meant; and what it is, where files
 * say more than one thing. */
#include "engine/base/file.h"
#include "engine/checkpoint/import_backbone.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/checkpoint/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { W = PUBLISHED_WIDTH };

/* Leaves out the tensors from the first-th on whose names have `part` in them, or have not. */
static void leave_out(struct published *published, size_t first, const char *part, bool with)
{
    size_t kept = first;
    for (size_t i = first; i < published->count; i++)
        if ((strstr(published->tensors[i].name, part) != NULL) != with)
            published->tensors[kept++] = published->tensors[i];
    published->count = kept;
}

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

START_TEST(halves_of_two_networks_are_not_joined)
{
    struct published published;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "backbone."});
    leave_out(&published, 0, "blocks.", true);
    const size_t half = published.count;
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "net.encoder."});
    leave_out(&published, half, "blocks.", false);
    write_all(&published);
    expect(STATUS_INVALID_FILE, "'backbone.cls_token' and 'net.encoder.blocks.0.attn.proj.bias' lie behind "
                                "different prefixes, as parts "
                                "of two networks do: save those of the one that is meant alone.");
}
END_TEST

#define CUT "a part is missing. If they are whole, save them alone, as a state dict."

/* Without them another network would answer. */
START_TEST(a_teacher_without_a_part_that_its_student_has_is_refused)
{
    static const struct {
        const char *part, *first, *key;
    } cases[] = {
        {"register_tokens", "register_tokens", "register_tokens"},
        {"ls1.", "blocks.0.ls1.gamma", "blocks.0.ls1.gamma"},
        {"qkv.bias", "blocks.0.attn.qkv.bias", "blocks.0.attn.qkv.bias"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct published published;
        char sentence[FAILURE_SENTENCE_BYTES];
        published_begin(&published);
        published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 4, false, "teacher."});
        leave_out(&published, 0, cases[i].part, true);
        published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 4, false, "student."});
        write_all(&published);
        snprintf(sentence, sizeof sentence,
                 "The weights that answer have no '%s', and those beside them have ('student.%s'): " CUT,
                 cases[i].first, cases[i].key);
        expect(STATUS_INVALID_FILE, sentence);
    }
}
END_TEST

/* As a teacher of another width is distilled into it. */
START_TEST(a_student_of_another_kind_may_have_other_parts)
{
    struct pth pth;
    struct backbone_import imported;
    const struct backbone_options these = {.path = backbone};
    pth_begin(&pth, "teacher");
    pth_claim(&pth, "cls_token", 3, (size_t[]){1, 1, W});
    pth_claim(&pth, "pos_embed", 3, (size_t[]){1, 10, W});
    pth_claim(&pth, "patch_embed.proj.weight", 4, (size_t[]){W, 3, 14, 14});
    pth_claim(&pth, "blocks.0.mlp.fc2.weight", 2, (size_t[]){W, 2 * W});
    pth_beside(&pth, "student");
    pth_claim(&pth, "register_tokens", 3, (size_t[]){1, 4, 2 * W});
    pth_claim(&pth, "cls_token", 3, (size_t[]){1, 1, 2 * W});
    pth_end(&pth, backbone);
    ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
    import_backbone_finish(&imported);
}
END_TEST

/* However wide that is, each of the two has as many blocks as it says. */
START_TEST(a_teacher_without_a_block_of_a_wider_student_is_refused)
{
    struct pth pth;
    pth_begin(&pth, "teacher");
    pth_claim(&pth, "cls_token", 3, (size_t[]){1, 1, W});
    pth_claim(&pth, "blocks.0.norm1.bias", 1, (size_t[]){W});
    pth_beside(&pth, "student");
    pth_claim(&pth, "cls_token", 3, (size_t[]){1, 1, 2 * W});
    pth_claim(&pth, "blocks.1.norm1.bias", 1, (size_t[]){2 * W});
    pth_end(&pth, backbone);
    options.backbone = backbone;
    expect(STATUS_INVALID_FILE, "The weights that answer have no 'blocks.1.norm1.bias', and those beside "
                                "them have ('blocks.1.norm1.bias'): " CUT);
}
END_TEST

/* Which would answer as a network of one block. */
START_TEST(a_teacher_without_its_last_block_is_refused)
{
    static const char *const owners[] = {"teacher.backbone.", "ema."};
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++) {
        struct published published;
        published_begin(&published);
        published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, owners[i]});
        leave_out(&published, 0, "blocks.1.", true);
        published_network(&published,
                          &(struct published_form){PUBLISHED_DINOV2, 0, false, "student.backbone."});
        write_all(&published);
        expect(STATUS_INVALID_FILE, "The weights that answer have no 'blocks.1.attn.proj.bias', and those "
                                    "beside them have ('student.backbone.blocks.1.attn.proj.bias'): " CUT);
    }
}
END_TEST

START_TEST(a_student_in_a_dict_of_its_own_shows_the_same)
{
    static const char *const others[] = {"student", "ema", "model_ema", "ema_model"};
    options.backbone = backbone;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct pth pth;
        pth_begin(&pth, "teacher");
        pth_claim(&pth, "backbone.blocks.0.norm1.bias", 1, (size_t[]){W});
        pth_beside(&pth, others[i]);
        pth_claim(&pth, "backbone.blocks.4.norm1.bias", 1, (size_t[]){W});
        pth_end(&pth, backbone);
        expect(STATUS_INVALID_FILE, "The weights that answer have no 'blocks.4.norm1.bias', and those beside "
                                    "them have ('backbone.blocks.4.norm1.bias'): " CUT);
    }
}
END_TEST

START_TEST(of_an_average_and_a_student_the_average_is_taken)
{
    struct published published;
    struct backbone_import imported;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 4, true, "student."});
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "ema."});
    write_all(&published);
    open_now(&imported);
    ck_assert_uint_eq(imported.card.registers, 0);
    ck_assert_str_eq(imported.note, "These are the running average of the weights.");
    import_backbone_finish(&imported);
}
END_TEST

START_TEST(of_a_teacher_and_its_average_the_teacher_is_taken)
{
    struct published published;
    struct backbone_import imported;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "ema."});
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "teacher."});
    write_all(&published);
    open_now(&imported);
    ck_assert_str_eq(imported.note, "");
    import_backbone_finish(&imported);
}
END_TEST

/* As of a prefix, whichever dict says it. */
START_TEST(a_dict_says_whose_weights_it_holds)
{
    static const struct {
        const char *wrapper, *beside, *note;
    } cases[] = {
        {"ema", NULL, "These are the running average of the weights."},
        {"state_dict_ema", "student", "These are the running average of the weights."},
        {"student", NULL,
         "These are a student's weights: a teacher's, which training publishes, answer better."},
        {"teacher", "student", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pth pth;
        struct backbone_import imported;
        const struct backbone_options these = {.path = backbone};
        pth_begin(&pth, cases[i].wrapper);
        pth_claim(&pth, "cls_token", 3, (size_t[]){1, 1, W});
        pth_claim(&pth, "pos_embed", 3, (size_t[]){1, 10, W});
        pth_claim(&pth, "patch_embed.proj.weight", 4, (size_t[]){W, 3, 14, 14});
        pth_claim(&pth, "blocks.0.mlp.fc2.weight", 2, (size_t[]){W, 2 * W});
        if (cases[i].beside) {
            pth_beside(&pth, cases[i].beside);
            pth_claim(&pth, "cls_token", 3, (size_t[]){1, 1, W});
        }
        pth_end(&pth, backbone);
        ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
        ck_assert_str_eq(imported.note, cases[i].note);
        import_backbone_finish(&imported);
    }
}
END_TEST

START_TEST(a_prefix_that_is_not_known_is_named)
{
    static const char *const prefixes[] = {"vit.", "my_model.vit.", "teacher_backbone.", "model.visual."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        struct published published;
        char sentence[FAILURE_SENTENCE_BYTES];
        published_begin(&published);
        published_network(&published, &(struct published_form){PUBLISHED_CHUNKS, 0, false, prefixes[i]});
        write_all(&published);
        snprintf(sentence, sizeof sentence,
                 "Tensor '%sblocks.0.0.attn.proj.bias' is behind '%s', a prefix that is not known here: if "
                 "this is the network that is meant, save its tensors alone, without it "
                 "('blocks.0.0.attn.proj.bias').",
                 prefixes[i], prefixes[i]);
        expect(STATUS_INVALID_FILE, sentence);
    }
}
END_TEST

/* A trainer's dict is a wrapper as a prefix is: DINOv2's hub publishes neither. */
START_TEST(a_dict_around_the_weights_tells_a_training_from_the_hub)
{
    static const char *const wrappers[] = {NULL, "model"}, *const titles[] = {"that of DINOv2's hub",
                                                                              "DINOv2's, of training"};
    for (size_t i = 0; i < 2; i++) {
        struct pth pth;
        struct backbone_import imported;
        const struct backbone_options these = {.path = backbone};
        pth_begin(&pth, wrappers[i]);
        pth_claim(&pth, "cls_token", 3, (size_t[]){1, 1, W});
        pth_claim(&pth, "mask_token", 2, (size_t[]){1, W});
        pth_claim(&pth, "pos_embed", 3, (size_t[]){1, 10, W});
        pth_claim(&pth, "patch_embed.proj.weight", 4, (size_t[]){W, 3, 14, 14});
        pth_claim(&pth, "blocks.0.mlp.fc2.weight", 2, (size_t[]){W, 2 * W});
        pth_end(&pth, backbone);
        ck_assert_msg(!import_backbone_open(&these, &failure, &imported), "%s", failure.sentence);
        ck_assert_str_eq(imported.layout->title, titles[i]);
        import_backbone_finish(&imported);
    }
}
END_TEST

/* The network was given what its preprocessing cuts out, whatever size the configuration names; and positions
 * are resized as the configuration says, whatever its layout does. */
START_TEST(what_is_said_goes_before_what_is_usual)
{
    static const char sizes[] =
        "{\"image_size\": 42, \"interpolate_antialias\": true, \"interpolate_offset\": 0.05}",
                      crop[] =
                          "{\"size\": {\"shortest_edge\": 28}, \"crop_size\": 28, \"do_normalize\": false}";
    struct published published;
    struct backbone_import imported;
    char *preprocessor = file_join(published_folder, "preprocessor_config.json");
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    write_all(&published);
    file_put(published_config, sizes, sizeof sizes - 1);
    open_now(&imported);
    ck_assert_uint_eq(imported.card.image_height, 42);
    ck_assert(imported.card.interpolate_antialias);
    ck_assert_double_eq(imported.card.interpolate_offset, 0.05);
    import_backbone_finish(&imported);
    file_put(preprocessor, crop, sizeof crop - 1);
    open_now(&imported);
    ck_assert_uint_eq(imported.card.image_height, 28);
    ck_assert_uint_eq(imported.card.image_width, 28);
    import_backbone_finish(&imported);
    free(preprocessor);
}
END_TEST

/* What Lightning keeps of its losses and metrics in a model's state dict. */
START_TEST(losses_and_metrics_are_left_out_with_a_word)
{
    struct published published;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "model."});
    published_add(&published, "criterion.pos_weight", "x", 0, 1, (size_t[]){3});
    write_all(&published);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_msg(strstr(note,
                         "'criterion.pos_weight' is left out: it is of a loss or a metric, which serves "
                         "training."),
                  "%s", note);
    empty(output);
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "model."});
    published_add(&published, "loss.weight", "x", 0, 1, (size_t[]){3});
    published_add(&published, "metrics.val.tp", "x", 0, 1, (size_t[]){3});
    write_all(&published);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_msg(strstr(note,
                         "2 tensors ('loss.weight', ...) are left out: they are of losses or metrics, which "
                         "serve training."),
                  "%s", note);
}
END_TEST

/* Of a head that is read from the backbone's file it is said once. */
START_TEST(losses_beside_a_head_are_named_once)
{
    struct published published;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, "model."});
    published_add(&published, "criterion.pos_weight", "x", 0, 1, (size_t[]){3});
    published_add(&published, "classifier.weight", "x", 0, 2, (size_t[]){2, 2 * W});
    published_add(&published, "classifier.bias", "x", 0, 1, (size_t[]){2});
    write_all(&published);
    asked.weights = published_folder;
    options.head_count = 1;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    const char *said = strstr(note, "'criterion.pos_weight' is left out");
    ck_assert_msg(said && !strstr(said + 30, "is left out"), "%s", note);
}
END_TEST

START_TEST(of_two_heads_neither_is_chosen)
{
    static const char *const pairs[][2] = {
        {"linear", "head"}, {"classifier", "head"}, {"head", "linear_head"}};
    struct published published;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    write_all(&published);
    options.head_count = 1;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct pth pth;
        pth_begin(&pth, NULL);
        for (size_t k = 0; k < 2; k++) {
            pth_tensor(&pth, arena_format(pth.arena, "%s.weight", pairs[i][k]), 2, (size_t[]){2, W}, 1);
            pth_tensor(&pth, arena_format(pth.arena, "%s.bias", pairs[i][k]), 1, (size_t[]){2}, 1);
        }
        char *sentence =
            arena_format(pth.arena,
                         "head.pth: It holds two heads, of '%s.weight' and of '%s.weight', and does "
                         "not say which is meant: save the one that is meant alone.",
                         pairs[i][0], pairs[i][1]);
        sentence = memory_copy_text(sentence);
        pth_end(&pth, head);
        expect(STATUS_INVALID_FILE, sentence);
        free(sentence);
    }
}
END_TEST

START_TEST(a_head_of_more_blocks_than_there_are_is_refused)
{
    struct published published;
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    leave_out(&published, 0, "blocks.1.", true);
    write_all(&published);
    sample_glori(head, 2, 2 * W, false);
    options.head_count = 1;
    expect(STATUS_INVALID_FILE, "head.pth: The head takes the last 2 blocks of a backbone that has 1.");
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_published, remove_published);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, halves_of_two_networks_are_not_joined);
    tcase_add_test(all, a_teacher_without_its_last_block_is_refused);
    tcase_add_test(all, a_student_in_a_dict_of_its_own_shows_the_same);
    tcase_add_test(all, of_an_average_and_a_student_the_average_is_taken);
    tcase_add_test(all, a_teacher_without_a_part_that_its_student_has_is_refused);
    tcase_add_test(all, a_student_of_another_kind_may_have_other_parts);
    tcase_add_test(all, a_teacher_without_a_block_of_a_wider_student_is_refused);
    tcase_add_test(all, of_a_teacher_and_its_average_the_teacher_is_taken);
    tcase_add_test(all, a_head_of_more_blocks_than_there_are_is_refused);
    tcase_add_test(all, a_dict_says_whose_weights_it_holds);
    tcase_add_test(all, a_prefix_that_is_not_known_is_named);
    tcase_add_test(all, a_dict_around_the_weights_tells_a_training_from_the_hub);
    tcase_add_test(all, what_is_said_goes_before_what_is_usual);
    tcase_add_test(all, losses_and_metrics_are_left_out_with_a_word);
    tcase_add_test(all, losses_beside_a_head_are_named_once);
    tcase_add_test(all, of_two_heads_neither_is_chosen);
    return suite_run("whole", all);
}
