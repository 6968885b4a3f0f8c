/* The names of published heads. */
#include "engine/checkpoint/head_form.h"
#include "tests/unit/suite.h"

#include <check.h>

START_TEST(every_form_is_known_behind_its_wrappers)
{
    static const struct {
        const char *key;
        enum head_form form;
        const char *candidate, *name;
    } cases[] = {
        {"weight", FORM_DINOV2, "", "linear.weight"},
        {"module.bias", FORM_DINOV2, "", "linear.bias"},
        {"linear_head.weight", FORM_DINOV2, "", "linear.weight"},
        {"classifier.bias", FORM_TRANSFORMERS, "", "linear.bias"},
        {"module.classifier.weight", FORM_TRANSFORMERS, "", "linear.weight"},
        {"head.weight", FORM_TIMM, "", "linear.weight"},
        {"linear.weight", FORM_AUTHORS, "", "linear.weight"},
        {"classifiers_dict.x.linear.bias", FORM_AUTHORS, "x", "linear.bias"},
        {"classifiers_dict.classifier_4_blocks_avgpool_True_lr_0_00100.linear.weight", FORM_DINOV2,
         "classifier_4_blocks_avgpool_True_lr_0_00100", "linear.weight"},
        {"module.classifiers_dict.x.decoder.query_embed.weight", FORM_AUTHORS, "x", "query_embed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum head_form form;
        char candidate[NAME_BYTES], name[NAME_BYTES];
        ck_assert_msg(head_form_of(cases[i].key, &form, candidate, name) == NAME_KNOWN, "%s", cases[i].key);
        ck_assert_int_eq(form, cases[i].form);
        ck_assert_str_eq(candidate, cases[i].candidate);
        ck_assert_str_eq(name, cases[i].name);
    }
}
END_TEST

START_TEST(what_is_no_heads_is_not_taken_for_one)
{
    static const struct {
        const char *key;
        enum name_kind kind;
    } cases[] = {
        {"norm.weight", NAME_HARMLESS},     {"blocks.0.norm1.bias", NAME_HARMLESS},
        {"fc_norm.weight", NAME_UNKNOWN},   {"classifier.dense.weight", NAME_HARMLESS},
        {"head_dist.weight", NAME_UNKNOWN}, {"classifiers_dict.x.weight", NAME_UNKNOWN},
        {"weights", NAME_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum head_form form;
        char candidate[NAME_BYTES], name[NAME_BYTES];
        ck_assert_msg(head_form_of(cases[i].key, &form, candidate, name) == cases[i].kind, "%s",
                      cases[i].key);
    }
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, every_form_is_known_behind_its_wrappers);
    tcase_add_test(all, what_is_no_heads_is_not_taken_for_one);
    return suite_run("head_form", all);
}
