/* Every published layout of a head's names comes out as one. */
#include "engine/checkpoint/head_names.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

static const struct {
    const char *key;
    enum name_kind kind;
    const char *candidate, *name;
} heads[] = {
    {"classifiers_dict.linear:blocks=4:lr=0_1.decoder.query_embed.weight", NAME_KNOWN,
     "linear:blocks=4:lr=0_1", "query_embed"},
    {"module.classifiers_dict.a.decoder.query_embed", NAME_KNOWN, "a", "query_embed"},
    {"1.classifiers_dict.a.decoder.layers.0.linear1.bias", NAME_KNOWN, "a", "layers.0.linear1.bias"},
    {"classifiers_dict.a.linear.weight", NAME_KNOWN, "a", "linear.weight"},
    {"1.linear.bias", NAME_KNOWN, "", "linear.bias"},
    {"decoder.duplicate_pooling_bias", NAME_KNOWN, "", "duplicate_pooling_bias"},
    {"classifiers_dict.a.decoder.layers.1.norm1.weight", NAME_UNKNOWN, "a", "layers.1.norm1.weight"},
    {"0.backbone.norm.weight", NAME_HARMLESS, NULL, NULL},
    {"cls_token", NAME_HARMLESS, NULL, NULL},
    {"dino_head.mlp.0.weight", NAME_HARMLESS, NULL, NULL},
    {"classifiers_dict.a", NAME_UNKNOWN, "", "classifiers_dict.a"},
    {"classifiers_dict.a.norm.weight", NAME_UNKNOWN, "a", "norm.weight"},
    {"0.norm_pre.weight", NAME_UNKNOWN, "", "norm_pre.weight"},
    {"scale", NAME_UNKNOWN, "", "scale"},
};

START_TEST(head_names)
{
    char candidate[NAME_BYTES] = "?", name[NAME_BYTES] = "";
    ck_assert_int_eq(name_of_head(heads[_i].key, candidate, name), heads[_i].kind);
    if (heads[_i].name) {
        ck_assert_str_eq(candidate, heads[_i].candidate);
        ck_assert_str_eq(name, heads[_i].name);
    }
}
END_TEST

START_TEST(names_of_any_length_fit)
{
    char key[1024] = "", candidate[NAME_BYTES], name[NAME_BYTES];
    memset(key, 'x', sizeof key - 1);
    memcpy(key, "decoder.", 8);
    ck_assert_int_eq(name_of_head(key, candidate, name), NAME_UNKNOWN);
    memcpy(key, "classifiers_dict.", 17);
    memcpy(key + 1000, ".decoder.", 9);
    ck_assert_int_eq(name_of_head(key, candidate, name), NAME_UNKNOWN);
}
END_TEST

START_TEST(the_nearest_known_name)
{
    char name[NAME_BYTES];
    ck_assert(name_nearest_of_head("query_embeds", name));
    ck_assert_str_eq(name, "query_embed");
    ck_assert(name_nearest_of_head("linear.weights", name));
    ck_assert_str_eq(name, "linear.weight");
    ck_assert(!name_nearest_of_head("cls_token", name));
}
END_TEST

START_TEST(candidates_say_blocks_and_pooling)
{
    uint32_t blocks = 0;
    bool pool = false;
    ck_assert(candidate_blocks("linear:blocks=4:avgpool=True:lr=0_1", &blocks));
    ck_assert_uint_eq(blocks, 4);
    ck_assert(candidate_average_pool("linear:blocks=4:avgpool=True:lr=0_1", &pool));
    ck_assert(pool);
    ck_assert(candidate_average_pool("avgpool=False", &pool));
    ck_assert(!pool);
    ck_assert(candidate_blocks("classifier_12_blocks_avgpool_True_lr_0_00100", &blocks));
    ck_assert_uint_eq(blocks, 12);
    ck_assert(candidate_average_pool("classifier_12_blocks_avgpool_True_lr_0_00100", &pool));
    ck_assert(pool);
    ck_assert(candidate_average_pool("classifier_4_blocks_avgpool_False_lr_0_01000", &pool));
    ck_assert(!pool);
    ck_assert(candidate_blocks("classifier_4_blocks_avgpool_False", &blocks));
    ck_assert(!candidate_blocks("", &blocks));
    ck_assert(!candidate_blocks("blocks=4x:avgpool=True", &blocks));
    ck_assert(!candidate_blocks("classifier__blocks_avgpool_True_lr_0_1", &blocks));
    ck_assert(!candidate_blocks("classifier_4_blocks", &blocks));
    ck_assert(!candidate_blocks("classifier_0_blocks_avgpool_True_lr_0_1", &blocks));
    ck_assert(!candidate_average_pool("classifier_4_blocks_avgpool_Max_lr_0_1", &pool));
    ck_assert(!candidate_average_pool("avgpool=Trueish", &pool));
    ck_assert(!candidate_blocks("blocks=x", &blocks));
    ck_assert(!candidate_blocks("blocks=0", &blocks));
    ck_assert(!candidate_blocks("myblocks=3", &blocks));
    ck_assert(!candidate_average_pool("avgpool=maybe", &pool));
    ck_assert_uint_eq(blocks, 4);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, head_names, 0, sizeof heads / sizeof *heads);
    tcase_add_test(all, names_of_any_length_fit);
    tcase_add_test(all, the_nearest_known_name);
    tcase_add_test(all, candidates_say_blocks_and_pooling);
    return suite_run("head_names", all);
}
