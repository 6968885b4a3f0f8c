/* The keys of config.yaml that count, absent, right and wrong. */
#include "engine/checkpoint/config.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct failure failure;

#define TIMM "{\"architecture\": \"vit_small_patch14_dinov2\", \"pretrained_cfg\": {}, "

static enum status parse(const char *text, struct config *out)
{
    return config_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &failure, out);
}

START_TEST(reads_the_keys_of_a_training_run)
{
    struct config config;
    ck_assert_int_eq(parse("MODEL:\n  WEIGHTS: ''\nstudent:\n  arch: vit_large\n  patch_size: 14\n"
                           "  ffn_layer: swiglufused\n  block_chunks: 4\n  num_register_tokens: 4\n"
                           "  interpolate_antialias: True\n  interpolate_offset: 0.0\n"
                           "crops:\n  global_crops_size: 518\n  local_crops_scale:\n  - 0.05\n  - 0.32\n",
                           &config),
                     STATUS_OK);
    ck_assert_int_eq(config.patch_size, 14);
    ck_assert_int_eq(config.registers, 4);
    ck_assert_int_eq(config.image_height, 518);
    ck_assert_int_eq(config.image_width, 518);
    ck_assert_str_eq(config.ffn_layer, "swiglufused");
    ck_assert_double_eq(config.interpolate_offset, 0);
    ck_assert_int_eq(config.interpolate_antialias, 1);
}
END_TEST

/* config.json, as transformers writes it; as a constructor's arguments; as timm writes it. */
START_TEST(reads_the_keys_of_published_models)
{
    struct config config;
    ck_assert_int_eq(
        parse("{\"model_type\": \"dinov2\", \"hidden_size\": 384, \"num_hidden_layers\": 12,\n"
              "\t\"num_attention_heads\": 6, \"image_size\": [518, 448], \"patch_size\": 14,\n"
              "\t\"use_swiglu_ffn\": false, \"layer_norm_eps\": 1e-05, \"hidden_act\": \"gelu\"}",
              &config),
        STATUS_OK);
    ck_assert_int_eq(config.width, 384);
    ck_assert_int_eq(config.depth, 12);
    ck_assert_int_eq(config.attention_heads, 6);
    ck_assert_int_eq(config.image_height, 518);
    ck_assert_int_eq(config.image_width, 448);
    ck_assert_str_eq(config.ffn_layer, "mlp");
    ck_assert_double_eq(config.layer_norm_epsilon, 1e-5);
    ck_assert_double_eq(config.interpolate_offset, CONFIG_NOT_SAID);
    ck_assert(!config.timm);
    ck_assert_int_eq(
        parse("{\"architecture\": \"vit_large\", \"embed_dim\": 1024, \"depth\": 24, \"num_heads\": 16, "
              "\"img_size\": 512, \"ffn_layer\": \"swiglufused\", \"num_register_tokens\": 4, "
              "\"interpolate_offset\": 0.1, \"interpolate_antialias\": false}",
              &config),
        STATUS_OK);
    ck_assert_int_eq(config.width, 1024);
    ck_assert_int_eq(config.registers, 4);
    ck_assert_int_eq(config.image_width, 512);
    ck_assert_double_eq(config.interpolate_offset, 0.1);
    ck_assert_int_eq(config.interpolate_antialias, 0);
    ck_assert(!config.timm);
    ck_assert_int_eq(parse("{\"architecture\": \"vit_small_patch14_dinov2\", \"pretrained_cfg\": {}, "
                           "\"model_args\": {\"img_size\": [84, 84]}}",
                           &config),
                     STATUS_OK);
    ck_assert_int_eq(config.image_height, 84);
    ck_assert(config.timm);
    ck_assert_int_eq(parse("{\"model_type\": \"dinov2\", \"hidden_size\": 384}", &config), STATUS_OK);
    ck_assert_int_eq(config.attention_heads, 12); /* Dinov2Config's */
}
END_TEST

START_TEST(reads_all_that_timm_says)
{
    static const struct {
        const char *text; /* behind the architecture */
        enum config_pooling pooling;
    } cases[] = {
        {"\"global_pool\": \"token\"", POOLING_CLASS},
        {"\"global_pool\": \"token\", \"model_args\": {\"global_pool\": \"token\"}", POOLING_CLASS},
        {"\"num_classes\": 2, \"model_args\": {\"global_pool\": \"avg\"}", POOLING_OTHER},
        {"\"num_classes\": 2, \"pretrained_cfg\": {\"num_classes\": 1000}", POOLING_NOT_SAID},
        {"\"global_pool\": \"avg\", \"model_args\": {\"fc_norm\": false}", POOLING_MEAN},
        {"\"global_pool\": \"token\", \"model_args\": {\"fc_norm\": true}", POOLING_OTHER},
        {"\"global_pool\": \"map\"", POOLING_OTHER},
        {"\"global_pool\": \"avgmax\", \"model_args\": {\"fc_norm\": false}", POOLING_OTHER},
        {"\"global_pool\": \"\"", POOLING_OTHER},
        {"\"num_classes\": 2", POOLING_NOT_SAID},
        {"\"num_features\": 384", POOLING_NOT_SAID}, /* a flat one */
    };
    struct config config;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"architecture\": \"vit_small_patch14_dinov2\", %s}", cases[i].text);
        ck_assert_msg(!parse(text, &config), "%s", failure.sentence);
        ck_assert(config.timm);
        ck_assert_int_eq(config.pooling, cases[i].pooling);
    }
    ck_assert_int_eq(parse("{\"architecture\": \"vit_huge_patch14_reg4_dinov2\", \"num_classes\": 3, "
                           "\"num_features\": 384, \"model_args\": {\"num_heads\": 6, \"depth\": 12, "
                           "\"embed_dim\": 384, \"patch_size\": 14, \"reg_tokens\": 4, \"act_layer\": "
                           "\"gelu_tanh\", \"norm_layer\": \"layernorm\", \"img_size\": [168, 112], "
                           "\"qk_norm\": false, \"pool_include_prefix\": false}}",
                           &config),
                     STATUS_OK);
    ck_assert_int_eq(config.attention_heads, 6); /* said, and so not those of the name */
    ck_assert_int_eq(config.depth, 12);
    ck_assert_int_eq(config.width, 384);
    ck_assert_int_eq(config.patch_size, 14);
    ck_assert_int_eq(config.registers, 4);
    ck_assert_int_eq(config.classes, 3);
    ck_assert_int_eq(config.image_height, 168);
    ck_assert_int_eq(config.image_width, 112);
    ck_assert_str_eq(config.activation, "gelu_tanh");
    ck_assert(!parse("{\"architecture\": \"vit_huge_patch14_224\", \"num_classes\": 0}", &config));
    ck_assert_int_eq(config.attention_heads, 16); /* 80 wide, which only its function says */
}
END_TEST

/* Of two files of a folder each is read, and what they differ in is named. */
START_TEST(two_files_say_the_same_or_are_refused)
{
    static const struct {
        const char *first, *second, *key; /* NULL: they agree */
    } cases[] = {
        {"student: {patch_size: 14}", "{\"hidden_size\": 64, \"layer_norm_eps\": 1e-5}", NULL},
        {"student: {patch_size: 14}", "{\"patch_size\": 16}", "patch_size"},
        {"student: {num_register_tokens: 4}", "{\"num_register_tokens\": 0}", "num_register_tokens"},
        {"student: {interpolate_offset: 0.1}", "{\"interpolate_offset\": 0}", "interpolate_offset"},
        {"student: {interpolate_antialias: false}", "{\"interpolate_antialias\": true}",
         "interpolate_antialias"},
        {"student: {ffn_layer: swiglufused}", "{\"ffn_layer\": \"swiglu\"}", NULL},
        {"student: {ffn_layer: mlp}", "{\"use_swiglu_ffn\": true}", "ffn_layer"},
        {"crops: {global_crops_size: 518}", "{\"image_size\": [518, 224]}", "the image's width"},
        {"layer_norm_eps: 1e-6", "{\"layer_norm_eps\": 1e-5}", "layer_norm_eps"},
        {"student: {arch: vit_large}", "{\"arch\": \"vit_base\"}", "the architecture's name"},
        {"student: {arch: vit_giant2}", "{\"architecture\": \"vit_giant_patch14_dinov2\", \"depth\": 40}",
         NULL},
        {"model_type: dinov2", "{\"model_type\": \"dinov2_with_registers\"}", "model_type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config first, second;
        char expected[256];
        ck_assert_msg(!parse(cases[i].first, &first), "%s", failure.sentence);
        ck_assert_msg(!parse(cases[i].second, &second), "%s", failure.sentence);
        enum status status = config_merge("/x/config.yaml", &second, "/x/config.json", &failure, &first);
        ck_assert_int_eq(status, cases[i].key ? STATUS_INVALID_FILE : STATUS_OK);
        if (cases[i].key) {
            snprintf(expected, sizeof expected,
                     "config.yaml and config.json differ in %s: give the one that is right as --config, or "
                     "remove the other.",
                     cases[i].key);
            ck_assert_str_eq(failure.sentence, expected);
        } else if (i == 0) {
            ck_assert_int_eq(first.patch_size, 14);
            ck_assert_int_eq(first.width, 64);
            ck_assert_double_eq(first.layer_norm_epsilon, 1e-5);
        }
    }
}
END_TEST

/* An activation says nothing of SwiGLU, which has its own; and SwiGLU is said in several ways. */
START_TEST(the_feed_forward_is_said_in_several_ways)
{
    static const struct {
        const char *text, *ffn;
    } cases[] = {
        {"use_swiglu_ffn: true", "swiglu"},
        {"use_swiglu_ffn: True", "swiglu"},
        {"use_swiglu_ffn: false", "mlp"},
        {"use_swiglu_ffn: true\nhidden_act: silu", "swiglu"},
        {"use_swiglu_ffn: false\nhidden_act: gelu", "mlp"},
        {"ffn_layer: swiglufused\nuse_swiglu_ffn: true", "swiglufused"},
        {"student: {ffn_layer: swiglufused}\nffn_layer: swiglu", "swiglufused"},
        {"student: {ffn_layer: mlp}\nteacher: {ffn_layer: mlp}", "mlp"},
        {"hidden_act: gelu", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config config;
        ck_assert_msg(!parse(cases[i].text, &config), "%s", failure.sentence);
        ck_assert_str_eq(config.ffn_layer, cases[i].ffn);
    }
    struct config config;
    ck_assert_int_eq(parse("use_swiglu_ffn: false\nhidden_act: silu", &config), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence,
                     "hidden_act is 'silu', which is not supported: only gelu (with the error function) is.");
}
END_TEST

START_TEST(absent_keys_have_their_defaults)
{
    static const char *const texts[] = {"student:\n  patch_size:\n  arch: vit_large\ncrops: 3\n",
                                        "{\"num_channels\": 3, \"patch_size\": null}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config config;
        ck_assert_int_eq(parse(texts[i], &config), STATUS_OK);
        ck_assert_int_eq(config.patch_size, -1);
        ck_assert_int_eq(config.registers, -1);
        ck_assert_int_eq(config.image_height, -1);
        ck_assert_str_eq(config.ffn_layer, "");
        ck_assert_double_eq(config.interpolate_offset, CONFIG_NOT_SAID);
        ck_assert_int_eq(config.interpolate_antialias, -1);
        ck_assert_double_lt(config.layer_norm_epsilon, 0);
    }
}
END_TEST

/* The teacher is the network that answers, and a training's configuration says of the student what both are.
 */
START_TEST(what_one_file_says_twice_is_the_same)
{
    static const struct {
        const char *text, *sentence; /* NULL: it is */
    } cases[] = {
        {"student: {ffn_layer: mlp}\nteacher: {ffn_layer: swiglufused}",
         "teacher.ffn_layer is not what the file says of it elsewhere."},
        {"student: {ffn_layer: mlp}\nffn_layer: swiglu",
         "ffn_layer is not what the file says of it elsewhere."},
        {"ffn_layer: swiglufused\nuse_swiglu_ffn: false",
         "use_swiglu_ffn is not what the file says of it elsewhere."},
        {"student: {patch_size: 14}\nteacher: {patch_size: 16}",
         "teacher.patch_size is not what the file says of it elsewhere."},
        {"student: {qkv_bias: true}\nteacher: {qkv_bias: false}",
         "teacher.qkv_bias is not what the file says of it elsewhere."},
        {"student: {interpolate_offset: 0.1}\nteacher: {interpolate_offset: 0.0}",
         "teacher.interpolate_offset is not what the file says of it elsewhere."},
        {"student: {arch: vit_large}\nteacher: {arch: vit_base}",
         "It names two architectures, 'vit_large' and 'vit_base': remove the one that is wrong."},
        {"student: {arch: vit_large}\narch: vit_small",
         "It names two architectures, 'vit_large' and 'vit_small': remove the one that is wrong."},
        {"arch: vit_giant2\narchitecture: vit_large_patch14_dinov2\npatch_size: 14",
         "It names two architectures, 'vit_giant2' and 'vit_large_patch14_dinov2': remove the one that is "
         "wrong."},
        {"arch: vit_giant2\narchitecture: vit_giant_patch14_dinov2\npatch_size: 14", NULL},
        {"student: {arch: vit_large}\nteacher: {momentum_teacher: 0.99}\narch: vit_large", NULL},
        {"student: {arch: [x]}", "arch is no text."},
        {"{\"architecture\": \"vit_base_patch14_dinov2\", \"pretrained_cfg\": {\"architecture\": "
         "\"vit_large_patch14_dinov2\"}}",
         "It names two architectures, 'vit_base_patch14_dinov2' and 'vit_large_patch14_dinov2': remove the "
         "one that is wrong."},
        {"student: {layer_norm_eps: 1.0e-5}\nlayer_norm_eps: 1.0e-6",
         "layer_norm_eps is not what the file says of it elsewhere."},
        {"student: {num_heads: 6}\nteacher: {num_heads: 12}",
         "teacher.num_heads is not what the file says of it elsewhere."},
        {"student: {embed_dim: 384}\nembed_dim: 768", "embed_dim is not what the file says of it elsewhere."},
        {"student: {depth: 0}\ndepth: 12", "depth is not what the file says of it elsewhere."},
        {"student: {depth: 12}\nteacher: {depth: 24}",
         "teacher.depth is not what the file says of it elsewhere."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config config;
        const enum status status = parse(cases[i].text, &config);
        ck_assert_msg(status == (cases[i].sentence ? STATUS_INVALID_FILE : STATUS_OK), "%s: %s",
                      cases[i].text, failure.sentence);
        if (status)
            ck_assert_str_eq(failure.sentence, cases[i].sentence);
    }
}
END_TEST

START_TEST(wrong_values_are_named)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"student: {patch_size: big}", "student.patch_size is not a whole number from 0 to 1000000."},
        {"student: {num_register_tokens: -1}",
         "student.num_register_tokens is not a whole number from 0 to 1000000."},
        {"crops: {global_crops_size: 1.5}",
         "crops.global_crops_size is not a whole number from 0 to 1000000."},
        {"student: {interpolate_offset: nan}", "student.interpolate_offset is not a number from 0 to 1."},
        {"student: {interpolate_antialias: maybe}", "student.interpolate_antialias is not true or false."},
        {"a: 1\nb: [1, 2\n", "Line 3: the YAML is malformed."},
        {"{\"a\": 1", "It is neither valid JSON nor valid YAML."},
        {"{\"model_type\": \"swin\"}",
         "It describes a network of the kind 'swin'; dinov2 and dinov2_with_registers are supported."},
        {"{\"architecture\": \"convnext_base\", \"pretrained_cfg\": {}}",
         "It describes timm's 'convnext_base'; of timm's networks vit_*_dinov2 are supported."},
        {"{\"hidden_act\": \"gelu_new\"}",
         "hidden_act is 'gelu_new', which is not supported: only gelu (with the error function) is."},
        {"{\"num_channels\": 1}", "num_channels is 1, and only 3 are supported."},
        {"{\"layer_norm_eps\": 0}", "layer_norm_eps is not a number from 1e-12 to 0.01."},
        {"{\"image_size\": [518]}", "image_size is not a whole number from 0 to 1000000."},
        {"{\"layer_norm_eps\": 1e-6, \"layer_norm_eps\": 1e-5}", "It says 'layer_norm_eps' twice."},
        {"{\"use_swiglu_ffn\": 3}", "use_swiglu_ffn is not true or false."},
        {"{\"ffn_layer\": \"identity\"}",
         "ffn_layer is 'identity', which is not supported: mlp, swiglu and swiglufused are."},
        {"{\"model_type\": 3}",
         "It describes a network of the kind '?'; dinov2 and dinov2_with_registers are supported."},
        {"{}", "It is an empty object, and says nothing: download or copy the file again, or remove it."},
        {"[]", "It is a list, and says nothing: download or copy the file again, or remove it."},
        {"- 1\n", "It is a list, and says nothing: download or copy the file again, or remove it."},
        {"Entry not found", "It is a text, and says nothing: download or copy the file again, or remove it."},
        {"404", "It is a number, and says nothing: download or copy the file again, or remove it."},
        {"", "It is empty. Copy or download it again."},
        {"<!DOCTYPE html><html></html>",
         "It is a web page that was saved in the file's place, as where a download wants a login or fails. "
         "Download the file again."},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
         "It is a Git LFS pointer, a note of where the file lies: fetch the file itself with 'git lfs pull', "
         "or download it from the model's page."},
        {"PK\x03\x04", "It is a file of weights, and no configuration."},
        {"a: 1\n",
         "It says nothing of a network ('patch_size', 'hidden_size', 'embed_dim', 'student', ...): is "
         "it the right file?"},
        {"{\"image_processor_type\": \"BitImageProcessor\", \"size\": 3}",
         "It says how pictures are prepared, and nothing of the network: give it as --preprocessor."},
        {"{\"image_processor\": {}}",
         "It says how pictures are prepared, and nothing of the network: give it as --preprocessor."},
        {"{\"peft_type\": \"LORA\"}",
         "It is the configuration of an adapter, and says nothing of the network or its pictures."},
        {"{\"embed_dim\": 64, \"num_features\": 128}",
         "num_features is not what the file says of it elsewhere."},
        {"crops: {global_crops_size: 112}\nimg_size: 56",
         "img_size is not what the file says of it elsewhere."},
        {"interpolate_offset: 0.0\nstudent: {interpolate_offset: 0.1}",
         "interpolate_offset is not what the file says of it elsewhere."},
        {"interpolate_antialias: true\nstudent: {interpolate_antialias: false}",
         "interpolate_antialias is not what the file says of it elsewhere."},
        {"qkv_bias: true\nstudent: {qkv_bias: false}", "qkv_bias is not what the file says of it elsewhere."},
        {"init_values: 0.1\nstudent: {layerscale: 0}", "layerscale and init_values contradict one another."},
        {"mlp_ratio: 4\nmodel_args: {mlp_ratio: 3}", "mlp_ratio is not what the file says of it elsewhere."},
        {TIMM "\"model_args\": {\"pre_norm\": true}}",
         "model_args.pre_norm is true, which is not supported."},
        {TIMM "\"model_args\": {\"final_norm\": false}}",
         "model_args.final_norm is false, which is not supported."},
        {TIMM "\"model_args\": {\"class_token\": false}}",
         "model_args.class_token is false, which is not supported."},
        {TIMM "\"model_args\": {\"qk_norm\": true}}", "model_args.qk_norm is true, which is not supported."},
        {TIMM "\"model_args\": {\"scale_attn_norm\": true}}",
         "model_args.scale_attn_norm is true, which is not supported."},
        {TIMM "\"model_args\": {\"no_embed_class\": 3}}", "model_args.no_embed_class is not true or false."},
        {"{\"architecture\": \"vit_base_patch16_quickgelu\", \"num_classes\": 0}",
         "It describes timm's 'vit_base_patch16_quickgelu'; of timm's networks vit_*_dinov2 are supported."},
        {"{\"architecture\": \"vit_relpos_base_patch16_224\", \"num_classes\": 0}",
         "It describes timm's 'vit_relpos_base_patch16_224'; of timm's networks vit_*_dinov2 are supported."},
        {"{\"architecture\": \"vit_base_patch16_rpn_224\", \"num_classes\": 0}",
         "It describes timm's 'vit_base_patch16_rpn_224'; of timm's networks vit_*_dinov2 are supported."},
        {"{\"architecture\": \"vit_base_patch16_gap_224\", \"num_classes\": 0}",
         "It describes timm's 'vit_base_patch16_gap_224'; of timm's networks vit_*_dinov2 are supported."},
        {"{\"architecture\": 3, \"num_classes\": 0, \"patch_size\": 14}", "architecture is not a text."},
        {"{\"hidden_size\": 64, \"auto_map\": {\"AutoModel\": \"a.B\"}}",
         "It has auto_map, which changes the network and is not supported."},
        {"{\"hidden_size\": 64, \"quantization_config\": {\"bits\": 4}}",
         "It has quantization_config, which changes the network and is not supported."},
        {"{\"hidden_size\": 64, \"use_rope\": true}",
         "It has use_rope, which changes the network and is not supported."},
        {"{\"hidden_size\": 64, \"position_embedding_type\": \"rotary\"}",
         "position_embedding_type is 'rotary', which is not supported: only absolute is."},
        {"{\"hidden_act\": 3}", "hidden_act is no text."},
        {"student: {ffn_layer: 3}", "ffn_layer is no text."},
        {TIMM "\"model_args\": {\"block_fn\": \"ResPostBlock\"}}",
         "model_args.block_fn changes the network in a way that this program does not know."},
        {TIMM "\"model_args\": {\"pool_include_prefix\": true}}",
         "model_args.pool_include_prefix changes the network in a way that this program does not know."},
        {TIMM "\"model_args\": {\"norm_layer\": \"rmsnorm\"}}",
         "model_args.norm_layer is not supported: layernorm is."},
        {TIMM "\"model_args\": {\"act_layer\": 3}}", "model_args.act_layer is no name."},
        {TIMM "\"model_args\": {\"in_chans\": 1}}",
         "model_args.in_chans is not 3, which alone is supported."},
        {TIMM "\"model_args\": {\"fc_norm\": \"x\"}}", "model_args.fc_norm is neither true nor false."},
        {TIMM "\"global_pool\": 3}", "global_pool is no name."},
        {TIMM "\"global_pool\": \"avg\", \"model_args\": {\"global_pool\": \"token\"}}",
         "model_args.global_pool is not the global_pool that the file says of the model."},
        {TIMM "\"num_classes\": 3, \"model_args\": {\"num_classes\": 4}}",
         "model_args.num_classes is not the num_classes that the file says of the model."},
        {"student: {layer_norm_eps: 0.5}", "student.layer_norm_eps is not a number from 1e-12 to 0.01."},
        {TIMM "\"num_classes\": -1}", "num_classes is not a whole number from 0 to 1000000."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config config = {.patch_size = 77};
        ck_assert_int_eq(parse(cases[i].text, &config), STATUS_INVALID_FILE);
        ck_assert_str_eq(failure.sentence, cases[i].sentence);
        ck_assert_int_eq(config.patch_size, 77);
    }
    struct config config;
    ck_assert_int_eq(config_read("/nonexistent/config.yaml", &failure, &config), STATUS_NOT_FOUND);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, reads_the_keys_of_a_training_run);
    tcase_add_test(all, reads_the_keys_of_published_models);
    tcase_add_test(all, the_feed_forward_is_said_in_several_ways);
    tcase_add_test(all, reads_all_that_timm_says);
    tcase_add_test(all, two_files_say_the_same_or_are_refused);
    tcase_add_test(all, absent_keys_have_their_defaults);
    tcase_add_test(all, what_one_file_says_twice_is_the_same);
    tcase_add_test(all, wrong_values_are_named);
    return suite_run("config", all);
}
