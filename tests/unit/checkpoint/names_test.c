/* Every published layout of names comes out as one. */
#include "engine/checkpoint/names.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

static const struct {
    const char *key;
    enum name_kind kind;
    const char *name;
} backbone[] = {
    {"backbone.blocks.1.5.norm1.weight", NAME_KNOWN, "blocks.5.norm1.weight"},
    {"backbone.blocks.5.norm1.weight", NAME_KNOWN, "blocks.5.norm1.weight"},
    {"blocks.23.attn.qkv.bias", NAME_KNOWN, "blocks.23.attn.qkv.bias"},
    {"module.backbone.blocks.0.0.mlp.w12.weight", NAME_KNOWN, "blocks.0.mlp.w12.weight"},
    {"teacher.backbone.blocks.3.39.ls2.gamma", NAME_KNOWN, "blocks.39.ls2.gamma"},
    {"0.backbone.blocks.2.mlp.fc1.bias", NAME_KNOWN, "blocks.2.mlp.fc1.bias"},
    {"0.feature_model.cls_token", NAME_KNOWN, "cls_token"},
    {"1.patch_embed.proj.weight", NAME_KNOWN, "patch_embed.proj.weight"},
    {"_orig_mod.register_tokens", NAME_KNOWN, "register_tokens"},
    {"pos_embed", NAME_KNOWN, "pos_embed"},
    {"norm.bias", NAME_KNOWN, "norm.bias"},
    {"backbone.mask_token", NAME_HARMLESS, NULL},
    {"dino_head.mlp.0.weight", NAME_HARMLESS, NULL},
    {"ibot_head.last_layer.weight_g", NAME_HARMLESS, NULL},
    {"student.backbone.norm.bias", NAME_HARMLESS, NULL},
    {"1.classifiers_dict.x.linear.weight", NAME_HARMLESS, NULL},
    {"head.weight", NAME_HARMLESS, NULL},
    {"mask_tokens", NAME_UNKNOWN, "mask_tokens"},
    {"backbone.norm_pre.weight", NAME_UNKNOWN, "norm_pre.weight"},
    {"fc_norm.bias", NAME_UNKNOWN, "fc_norm.bias"},
    {"register_token", NAME_UNKNOWN, "register_token"},
    {"model.cls_token", NAME_UNKNOWN, "model.cls_token"},
    {"backbone.blocks.0.attn.q_norm.weight", NAME_UNKNOWN, "blocks.0.attn.q_norm.weight"},
    {"blocks.0.1.2.norm1.weight", NAME_UNKNOWN, "blocks.0.1.2.norm1.weight"},
    {"blocks.x.norm1.weight", NAME_UNKNOWN, "blocks.x.norm1.weight"},
    {"blocks.123456.norm1.weight", NAME_UNKNOWN, "blocks.123456.norm1.weight"},
};

START_TEST(backbone_names)
{
    char name[NAME_BYTES] = "";
    ck_assert_int_eq(name_of_backbone(backbone[_i].key, name), backbone[_i].kind);
    if (backbone[_i].name)
        ck_assert_str_eq(name, backbone[_i].name);
}
END_TEST

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
    memcpy(key, "blocks.", 7);
    ck_assert_int_eq(name_of_backbone(key, name), NAME_UNKNOWN);
    memcpy(key, "decoder.", 8);
    ck_assert_int_eq(name_of_head(key, candidate, name), NAME_UNKNOWN);
    memcpy(key, "classifiers_dict.", 17);
    memcpy(key + 1000, ".decoder.", 9);
    ck_assert_int_eq(name_of_head(key, candidate, name), NAME_UNKNOWN);
}
END_TEST

static const struct {
    const char *name;
    bool of_backbone;
    const char *nearest; /* NULL: none is near */
} nearest[] = {
    {"register_token", true, "register_tokens"},
    {"model.cls_token", true, "cls_token"},
    {"blocks.7.attn.qkv.wieght", true, "blocks.7.attn.qkv.weight"},
    {"blocks.1.7.norm3.bias", true, "blocks.7.norm1.bias"},
    {"position_bias_table", true, NULL},
    {"query_embeds", false, "query_embed"},
    {"linear.weights", false, "linear.weight"},
    {"cls_token", false, NULL},
};

START_TEST(the_nearest_known_name)
{
    char name[NAME_BYTES] = "";
    bool found = name_nearest(nearest[_i].name, nearest[_i].of_backbone, name);
    ck_assert_msg(found == (nearest[_i].nearest != NULL), "%s", name);
    if (found)
        ck_assert_str_eq(name, nearest[_i].nearest);
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
    ck_assert(!candidate_blocks("", &blocks));
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
    tcase_add_loop_test(all, backbone_names, 0, sizeof backbone / sizeof *backbone);
    tcase_add_loop_test(all, head_names, 0, sizeof heads / sizeof *heads);
    tcase_add_loop_test(all, the_nearest_known_name, 0, sizeof nearest / sizeof *nearest);
    tcase_add_test(all, names_of_any_length_fit);
    tcase_add_test(all, candidates_say_blocks_and_pooling);
    return suite_run("names", all);
}
