/* A head of more layers than the one that is computed is refused, under whatever names they are. */
#include "engine/base/file.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { W = PUBLISHED_WIDTH };

static const struct {
    const char *head; /* its only layer, as it seems */
    size_t width;
    const char *more; /* and another */
    size_t rank;
} cases[] = {
    {"linear", W, "head.0.weight", 2},
    {"linear", W, "classifier.0.weight", 2},
    {"linear", W, "linear_head.0.weight", 2},
    {"linear", W, "linear.0.weight", 2},
    {"classifier", 2 * W, "head.proj.weight", 2},
    {"classifier", 2 * W, "head.norm.weight", 1},
    {"classifier", 2 * W, "classifier.scale", 1},
    {"classifier", 2 * W, "linear.0.weight", 2},
    {"head", W, "classifier.bn.weight", 1},
    {"head", W, "head.norm.bias", 1},
    {"linear_head", 2 * W, "head.fc.weight", 2},
    {"classifiers_dict.classifier_1_blocks_avgpool_False_lr_0_1.linear", W, "head.weight", 2},
    {"classifiers_dict.classifier_1_blocks_avgpool_False_lr_0_1.linear", W, "head.0.weight", 2},
};

static void write_file(const char *path, bool network, const char *name, size_t width, const char *more,
                       size_t rank)
{
    struct published published;
    published_begin(&published);
    if (network)
        published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    if (name) {
        char *weight = arena_format(published.arena, "%s.weight", name),
             *bias = arena_format(published.arena, "%s.bias", name);
        published_add(&published, weight, "weight", 0, 2, (size_t[]){2, width});
        published_add(&published, bias, "bias", 0, 1, (size_t[]){2});
    }
    if (more)
        published_add(&published, more, more, 0, rank, (size_t[]){W, W});
    published_write(&published, 0, published.count, path);
    published_end(&published);
}

static void refuse(const char *key)
{
    char start[160];
    snprintf(start, sizeof start, "Tensor '%s' is no part of a head that this program knows", key);
    ck_assert_int_eq(import_now(), STATUS_INVALID_FILE);
    ck_assert_msg(strstr(failure.sentence, start), "%s", failure.sentence);
}

/* A matrix under a name that only begins as a loss's is no weight of a loss. */
START_TEST(a_matrix_that_a_loss_would_not_have_is_refused)
{
    static const char *const names[] = {"metric_fc.weight", "loss_proj.weight", "criterion_head.weight"};
    set_image_size(0);
    asked.features = IMPORT_CLASS;
    asked.blocks = 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        write_file(backbone, true, NULL, 0, names[i], 2);
        write_file(head, false, "linear", W, NULL, 0);
        ck_assert_int_eq(import_now(), STATUS_INVALID_FILE);
        ck_assert_msg(strstr(failure.sentence, names[i]), "%s", failure.sentence);
        write_file(backbone, true, NULL, 0, names[i], 1);
        write_file(head, false, "linear", W, names[i], 2);
        refuse(names[i]);
        write_file(head, false, "linear", W, "criterion.weight", 2);
        ck_assert_msg(!import_now(), "%s", failure.sentence);
        empty(output);
    }
}
END_TEST

START_TEST(another_layer_is_refused_by_name)
{
    const bool two_tokens = cases[_i].width == 2 * W;
    set_image_size(0);
    asked.features = two_tokens ? IMPORT_CLASS_MEAN : IMPORT_CLASS;
    asked.blocks = 1;
    write_file(backbone, true, NULL, 0, NULL, 0);
    write_file(head, false, cases[_i].head, cases[_i].width, NULL, 0);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    empty(output);
    write_file(head, false, cases[_i].head, cases[_i].width, cases[_i].more, cases[_i].rank);
    refuse(cases[_i].more);
    write_file(backbone, true, cases[_i].head, cases[_i].width, cases[_i].more, cases[_i].rank);
    asked.weights = backbone;
    refuse(cases[_i].more);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_add_loop_test(all, another_layer_is_refused_by_name, 0, sizeof cases / sizeof *cases);
    tcase_add_test(all, a_matrix_that_a_loss_would_not_have_is_refused);
    return suite_run("head_layers", all);
}
