/* The keys of config.yaml that count, absent, right and wrong. */
#include "engine/checkpoint/config.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

static struct failure failure;

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
    ck_assert_int_eq(config.heads, 6);
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
}
END_TEST

/* An activation says nothing of SwiGLU, which has its own; and SwiGLU is said in three ways, the training's
 * first.
 */
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
        {"ffn_layer: swiglufused\nuse_swiglu_ffn: false", "swiglufused"},
        {"student: {ffn_layer: mlp}\nffn_layer: swiglu", "mlp"},
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
    static const char *const texts[] = {"a: 1\n", "- 1\n",
                                        "student:\n  patch_size:\n  arch: [x]\ncrops: 3\n"};
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
        {"student: {interpolate_offset: nan}", "student.interpolate_offset is not a number from -1 to 1."},
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
        {"{\"layer_norm_eps\": 0}", "layer_norm_eps is not a number over 0."},
        {"{\"image_size\": [518]}", "image_size is not a whole number from 0 to 1000000."},
        {"{\"layer_norm_eps\": 1e-6, \"layer_norm_eps\": 1e-5}", "It says 'layer_norm_eps' twice."},
        {"{\"use_swiglu_ffn\": 3}", "use_swiglu_ffn is not true or false."},
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
    tcase_add_test(all, absent_keys_have_their_defaults);
    tcase_add_test(all, wrong_values_are_named);
    return suite_run("config", all);
}
