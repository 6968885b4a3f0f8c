/* Every published layout of names comes out as one. */
#include "engine/checkpoint/names.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *key;
    enum name_kind kind;
    const char *name;
    unsigned traits, piece, pieces;
} backbone[] = {
    {"backbone.blocks.1.5.norm1.weight", NAME_KNOWN, "blocks.5.norm1.weight", TRAIT_WRAPPED | TRAIT_CHUNKS, 0,
     1},
    {"backbone.blocks.5.norm1.weight", NAME_KNOWN, "blocks.5.norm1.weight", TRAIT_WRAPPED | TRAIT_BLOCKS, 0,
     1},
    {"blocks.23.attn.qkv.bias", NAME_KNOWN, "blocks.23.attn.qkv.bias", TRAIT_BLOCKS, 0, 1},
    {"module.backbone.blocks.0.0.mlp.w12.weight", NAME_KNOWN, "blocks.0.mlp.w12.weight",
     TRAIT_WRAPPED | TRAIT_CHUNKS, 0, 1},
    {"teacher.backbone.blocks.3.39.ls2.gamma", NAME_KNOWN, "blocks.39.ls2.gamma",
     TRAIT_WRAPPED | TRAIT_CHUNKS, 0, 1},
    {"0.backbone.blocks.2.mlp.fc1.bias", NAME_KNOWN, "blocks.2.mlp.fc1.bias", TRAIT_WRAPPED | TRAIT_BLOCKS, 0,
     1},
    {"0.feature_model.cls_token", NAME_KNOWN, "cls_token", TRAIT_WRAPPED, 0, 1},
    {"1.patch_embed.proj.weight", NAME_KNOWN, "patch_embed.proj.weight", TRAIT_WRAPPED, 0, 1},
    {"_orig_mod.register_tokens", NAME_KNOWN, "register_tokens", TRAIT_WRAPPED | TRAIT_REGISTERS, 0, 1},
    {"pos_embed", NAME_KNOWN, "pos_embed", 0, 0, 1},
    {"norm.bias", NAME_KNOWN, "norm.bias", 0, 0, 1},
    {"model.net.vision_model.encoder._forward_module.cls_token", NAME_KNOWN, "cls_token", TRAIT_WRAPPED, 0,
     1},
    {"backbone._fsdp_wrapped_module.blocks.1._fsdp_wrapped_module.norm1.weight", NAME_KNOWN,
     "blocks.1.norm1.weight", TRAIT_WRAPPED | TRAIT_BLOCKS, 0, 1},
    {"blocks.0._orig_mod._checkpoint_wrapped_module.attn.qkv.base_layer.weight", NAME_KNOWN,
     "blocks.0.attn.qkv.weight", TRAIT_WRAPPED | TRAIT_BLOCKS, 0, 1},
    {"reg_token", NAME_KNOWN, "register_tokens", TRAIT_TIMM_REGISTERS, 0, 1},
    {"embeddings.position_embeddings", NAME_KNOWN, "pos_embed", TRAIT_HUGGING_FACE, 0, 1},
    {"dinov2_with_registers.embeddings.register_tokens", NAME_KNOWN, "register_tokens",
     TRAIT_WRAPPED | TRAIT_HUGGING_FACE | TRAIT_REGISTERS, 0, 1},
    {"dinov2.encoder.layer.7.attention.attention.key.bias", NAME_KNOWN, "blocks.7.attn.qkv.bias",
     TRAIT_WRAPPED | TRAIT_HUGGING_FACE | TRAIT_BLOCKS, 1, 3},
    {"encoder.layer.7.attention.v_proj.weight", NAME_KNOWN, "blocks.7.attn.qkv.weight",
     TRAIT_WRAPPED | TRAIT_HUGGING_FACE | TRAIT_BLOCKS | TRAIT_NEWER, 2, 3},
    {"encoder.layer.0.mlp.up_proj.weight", NAME_KNOWN, "blocks.0.mlp.w12.weight",
     TRAIT_WRAPPED | TRAIT_HUGGING_FACE | TRAIT_BLOCKS | TRAIT_NEWER, 1, 2},
    {"encoder.layer.0.mlp.weights_out.bias", NAME_KNOWN, "blocks.0.mlp.w3.bias",
     TRAIT_WRAPPED | TRAIT_HUGGING_FACE | TRAIT_BLOCKS, 0, 1},
    {"layernorm.weight", NAME_KNOWN, "norm.weight", TRAIT_HUGGING_FACE, 0, 1},
    {"backbone.mask_token", NAME_HARMLESS, "mask_token", TRAIT_WRAPPED | TRAIT_MASK_TOKEN, 0, 1},
    {"dinov2.embeddings.mask_token", NAME_HARMLESS, NULL, TRAIT_WRAPPED, 0, 1},
    {"dino_head.mlp.0.weight", NAME_HARMLESS, NULL, 0, 0, 1},
    {"ibot_head.last_layer.weight_g", NAME_HARMLESS, NULL, 0, 0, 1},
    {"1.classifiers_dict.x.linear.weight", NAME_HARMLESS, NULL, TRAIT_WRAPPED | TRAIT_HEAD, 0, 1},
    {"head.weight", NAME_HARMLESS, NULL, TRAIT_HEAD, 0, 1},
    {"classifier.bias", NAME_HARMLESS, NULL, TRAIT_HEAD, 0, 1},
    {"loss.weight", NAME_HARMLESS, NULL, TRAIT_LOSS, 0, 1},
    {"model.criterion.pos_weight", NAME_HARMLESS, NULL, TRAIT_WRAPPED | TRAIT_LOSS, 0, 1},
    {"loss_fn.weight", NAME_HARMLESS, NULL, TRAIT_LOSS, 0, 1},
    {"focal_loss.alpha", NAME_HARMLESS, NULL, TRAIT_LOSS, 0, 1},
    {"metrics.auroc.tp", NAME_HARMLESS, NULL, TRAIT_LOSS, 0, 1},
    {"val_metrics.tp", NAME_HARMLESS, NULL, TRAIT_LOSS, 0, 1},
    {"train_metric.total", NAME_HARMLESS, NULL, TRAIT_LOSS, 0, 1},
    {"dino_loss.center", NAME_HARMLESS, NULL, 0, 0, 1},
    {"loss", NAME_UNKNOWN, "loss", 0, 0, 1},
    {"glossy.weight", NAME_UNKNOWN, "glossy.weight", 0, 0, 1},
    {"blocks.0.loss.weight", NAME_UNKNOWN, "blocks.0.loss.weight", TRAIT_BLOCKS, 0, 1},
    {"mask_tokens", NAME_UNKNOWN, "mask_tokens", 0, 0, 1},
    {"backbone.norm_pre.weight", NAME_UNKNOWN, "norm_pre.weight", TRAIT_WRAPPED, 0, 1},
    {"fc_norm.bias", NAME_UNKNOWN, "fc_norm.bias", 0, 0, 1},
    {"register_token", NAME_UNKNOWN, "register_token", 0, 0, 1},
    {"norm.scale", NAME_UNKNOWN, "norm.scale", 0, 0, 1},
    {"cls_token.weight", NAME_UNKNOWN, "cls_token.weight", 0, 0, 1},
    {"backbone.blocks.0.attn.q_norm.weight", NAME_UNKNOWN, "blocks.0.attn.q_norm.weight",
     TRAIT_WRAPPED | TRAIT_BLOCKS, 0, 1},
    {"blocks.0.1.2.norm1.weight", NAME_UNKNOWN, "blocks.0.1.2.norm1.weight", TRAIT_CHUNKS, 0, 1},
    {"blocks.x.norm1.weight", NAME_UNKNOWN, "blocks.x.norm1.weight", TRAIT_BLOCKS, 0, 1},
    {"blocks.123456.norm1.weight", NAME_UNKNOWN, "blocks.123456.norm1.weight", TRAIT_BLOCKS, 0, 1},
};

START_TEST(backbone_names)
{
    struct backbone_name name;
    ck_assert_int_eq(name_of_backbone(backbone[_i].key, &name), backbone[_i].kind);
    if (backbone[_i].name)
        ck_assert_str_eq(name.name, backbone[_i].name);
    ck_assert_uint_eq(name.traits, backbone[_i].traits);
    ck_assert_uint_eq(name.piece, backbone[_i].piece);
    ck_assert_uint_eq(name.pieces, backbone[_i].pieces);
    ck_assert_int_eq(name.adapter, ADAPTER_NONE);
}
END_TEST

/* Parts of one network, by their prefixes, and parts of two. */
START_TEST(places)
{
    static const struct {
        const char *one, *other;
        bool same;
    } cases[] = {
        {"cls_token", "blocks.0.norm1.weight", true},
        {"teacher.backbone.cls_token", "teacher.backbone.blocks.0.0.norm1.weight", true},
        {"embeddings.cls_token", "encoder.layer.0.norm1.weight", true},
        {"model.dinov2.embeddings.cls_token", "model.dinov2.encoder.layer.0.norm1.weight", true},
        {"backbone._fsdp_wrapped_module.blocks.0._fsdp_wrapped_module.norm1.weight", "backbone.cls_token",
         true},
        {"module._orig_mod.cls_token", "blocks.0.norm1.weight", true},
        {"backbone.cls_token", "blocks.0.norm1.weight", false},
        {"backbone.cls_token", "encoder.blocks.0.norm1.weight", false},
        {"0.cls_token", "1.blocks.0.norm1.weight", false},
        {"dinov2.embeddings.cls_token", "encoder.layer.0.norm1.weight", false},
        {"model.backbone.cls_token", "backbone.model.norm.weight", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct backbone_name one, other;
        ck_assert_int_eq(name_of_backbone(cases[i].one, &one), NAME_KNOWN);
        ck_assert_int_eq(name_of_backbone(cases[i].other, &other), NAME_KNOWN);
        ck_assert_msg((one.place == other.place) == cases[i].same, "%s %s", cases[i].one, cases[i].other);
    }
}
END_TEST

START_TEST(owners_and_adapters)
{
    static const struct {
        const char *key, *name;
        enum name_owner owner;
        enum name_adapter adapter;
    } cases[] = {
        {"student.backbone.norm.bias", "norm.bias", OWNER_STUDENT, ADAPTER_NONE},
        {"module.teacher.backbone.norm.bias", "norm.bias", OWNER_TEACHER, ADAPTER_NONE},
        {"model_ema.module.norm.bias", "norm.bias", OWNER_AVERAGE, ADAPTER_NONE},
        {"base_model.model.blocks.3.attn.qkv.lora_A.default.weight", "blocks.3.attn.qkv.weight", OWNER_NONE,
         ADAPTER_A},
        {"base_model.model.blocks.3.attn.proj.lora_B.weight", "blocks.3.attn.proj.weight", OWNER_NONE,
         ADAPTER_B},
        {"base_model.model.dinov2.encoder.layer.3.attention.attention.query.lora_A.weight",
         "blocks.3.attn.qkv.weight", OWNER_NONE, ADAPTER_A},
        {"blocks.3.attn.qkv.base_layer.weight", "blocks.3.attn.qkv.weight", OWNER_NONE, ADAPTER_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct backbone_name name;
        ck_assert_msg(name_of_backbone(cases[i].key, &name) == NAME_KNOWN, "%s", cases[i].key);
        ck_assert_str_eq(name.name, cases[i].name);
        ck_assert_int_eq(name.owner, cases[i].owner);
        ck_assert_int_eq(name.adapter, cases[i].adapter);
    }
    struct backbone_name name;
    ck_assert_int_eq(name_of_backbone("blocks.3.attn.qkv.lora_A.default.bias", &name), NAME_UNKNOWN);
    ck_assert_int_eq(name_of_backbone("blocks.3.attn.qkv.lora_A.a.b.weight", &name), NAME_UNKNOWN);
    ck_assert_int_eq(name_of_backbone("blocks.3.attn.qkv.lora_A", &name), NAME_UNKNOWN);
}
END_TEST

START_TEST(names_of_any_length_fit)
{
    char key[1024] = "";
    struct backbone_name name;
    memset(key, 'x', sizeof key - 1);
    memcpy(key, "blocks.", 7);
    ck_assert_int_eq(name_of_backbone(key, &name), NAME_UNKNOWN);
    for (size_t i = 0; i + 7 < sizeof key; i += 7)
        memcpy(key + i, "module.", 7);
    ck_assert_int_eq(name_of_backbone(key, &name), NAME_UNKNOWN);
    for (size_t length = KEY_BYTES_MAX - 1; length <= KEY_BYTES_MAX; length++) {
        char out[KEY_BYTES_MAX];
        snprintf(key, sizeof key, "classifier.modules_to_save.default.%0*d",
                 (int)(length - strlen("classifier.modules_to_save.default.")), 0);
        ck_assert_uint_eq(strlen(key), length);
        ck_assert_int_eq(name_copy_of(key, out), length < KEY_BYTES_MAX ? COPY_TRAINED : COPY_ONLY);
    }
}
END_TEST

static const struct {
    const char *name, *nearest; /* NULL: none is near */
} nearest[] = {
    {"register_token", "register_tokens"},
    {"wrapper.cls_token", "cls_token"},
    {"blocks.7.attn.qkv.wieght", "blocks.7.attn.qkv.weight"},
    {"blocks.1.7.norm3.bias", "blocks.7.norm1.bias"},
    {"position_bias_table", NULL},
};

START_TEST(the_nearest_known_name)
{
    char name[NAME_BYTES] = "";
    bool found = name_nearest_of_backbone(nearest[_i].name, name);
    ck_assert_msg(found == (nearest[_i].nearest != NULL), "%s", name);
    if (found)
        ck_assert_str_eq(name, nearest[_i].nearest);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, backbone_names, 0, sizeof backbone / sizeof *backbone);
    tcase_add_loop_test(all, the_nearest_known_name, 0, sizeof nearest / sizeof *nearest);
    tcase_add_test(all, places);
    tcase_add_test(all, owners_and_adapters);
    tcase_add_test(all, names_of_any_length_fit);
    return suite_run("names", all);
}
