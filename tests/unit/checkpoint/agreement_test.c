/* A configuration that says something else than the weights is refused, with both sides named. */
#include "engine/base/file.h"
#include "engine/package/package.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(configuration_and_weights_must_agree)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"student: {patch_size: 14}",
         "The configuration says patch_size: 14 but the weights have 8: they do not belong together."},
        {"student: {num_register_tokens: 0}", "The configuration says num_register_tokens: 0 but the weights "
                                              "have 4: they do not belong together."},
        {"student: {ffn_layer: mlp}",
         "The configuration says ffn_layer: mlp but the weights are of swiglu: they do not belong together."},
        {"student: {patch_size: x}",
         "config.yaml: student.patch_size is not a whole number from 0 to 1000000."},
        {"hidden_size: 128",
         "The configuration says hidden_size: 128 but the weights have 64: they do not belong together."},
        {"model_args: {embed_dim: 128}",
         "The configuration says hidden_size: 128 but the weights have 64: they do not belong together."},
        {"model_args: {depth: 3}",
         "The configuration says num_hidden_layers: 3 but the weights have 2: they do not belong together."},
        {"student: {arch: vit_large}",
         "The configuration says 'vit_large', of width 1024 and depth 24, but the "
         "weights are of width 64 and depth 2: they do not belong together."},
        {"{\"architecture\": \"vit_small_patch14_dinov2\", \"hidden_size\": 64}",
         "The configuration says 'vit_small_patch14_dinov2', of width 384 and depth 12, but the weights are "
         "of width "
         "64 and depth 2: they do not belong together."},
        {"student: {arch: vit_giant2}",
         "The configuration says 'vit_giant2', of width 1536 and depth 40, but the "
         "weights are of width 64 and depth 2: they do not belong together."},
        {"student: {qkv_bias: false}", "The configuration says by qkv_bias that there is no "
                                       "'blocks.0.attn.qkv.bias', but the weights have one: "
                                       "they do not belong together."},
        {"proj_bias: false",
         "The configuration says by proj_bias that there is no 'blocks.0.attn.proj.bias', but the "
         "weights have one: they do not belong together."},
        {"ffn_bias: false",
         "The configuration says by ffn_bias that there is no 'blocks.0.mlp.w3.bias', but the "
         "weights have one: they do not belong together."},
        {"student: {layerscale: 0}", "The configuration says by layerscale that there is no "
                                     "'blocks.0.ls1.gamma', but the weights have one: they "
                                     "do not belong together."},
        {"patch_size: 8\ninit_values: null",
         "The configuration says by init_values that there is no 'blocks.0.ls1.gamma', "
         "but the weights have one: they "
         "do not belong together."},
        {"mlp_ratio: 4",
         "The configuration says mlp_ratio: 4, a feed-forward 176 wide, but the weights' is 64 wide: "
         "they do not belong together."},
        {"init_values: None", "The configuration says by init_values that there is no 'blocks.0.ls1.gamma', "
                              "but the weights have one: they "
                              "do not belong together."},
        {"init_values: some", "init_values is no number."},
        {"model_type: dinov2\narchitectures: [Dinov2WithRegistersModel]",
         "architectures is 'Dinov2WithRegistersModel', which is no class of model_type: dinov2."},
        {"num_heads: 0",
         "The configuration says 0 attention heads for a width of 64; only heads of size 64 are "
         "supported, 1 here."},
        {"mlp_ratio: wide", "mlp_ratio is not a number over 0 and up to 64."},
        {"in_chans: 1", "in_chans is 1, and only 3 are supported."},
        {"num_channels: three", "num_channels is not a whole number from 0 to 1000000."},
        {"model_type: dinov2\nnum_attention_heads: 1",
         "The configuration says model_type: dinov2 but the weights have 4 register tokens: they "
         "do not belong together."},
    };
    char *config = file_join(folder, "config.yaml");
    options.config = config;
    sample_backbone(backbone, &SAMPLE_AS_IS);
    sample_linear(head, &SAMPLE_AS_IS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file_put(config, cases[i].text, strlen(cases[i].text));
        expect(STATUS_INVALID_FILE, cases[i].sentence);
    }
    static const char good[] =
        "student: {interpolate_offset: 0.0, ffn_layer: swiglufused, layerscale: 1.0e-5, qkv_bias: true, "
        "proj_bias: true, ffn_bias: True}\nmlp_ratio: 1.5\nmodel_type: dinov2_with_registers\nnum_heads: "
        "1\nin_chans: 3\n"
        "init_values: 0.1\ncrops: {global_crops_size: 24}\n";
    file_put(config, good, sizeof good - 1);
    set_image_size(0);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    struct package *package = NULL;
    ck_assert_msg(!package_open(output, &failure, &package), "%s", failure.sentence);
    ck_assert_uint_eq(package_card(package)->backbone.image_height, 24);
    ck_assert_double_eq(package_card(package)->backbone.interpolate_offset, 0);
    package_close(&package);
    free(config);
}
END_TEST

/* The same of a network that has less: GELU, no biases, LayerScale or registers. */
START_TEST(configurations_of_more_than_the_weights_have_are_refused)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"qkv_bias: true",
         "The configuration says by qkv_bias that there is a 'blocks.0.attn.qkv.bias', but the "
         "weights have none: they do not belong together."},
        {"layerscale_value: 1.0", "The configuration says by layerscale_value that there is a "
                                  "'blocks.0.ls1.gamma', but the weights have none: "
                                  "they do not belong together."},
        {"mlp_ratio: 4",
         "The configuration says mlp_ratio: 4, a feed-forward 256 wide, but the weights' is 64 wide: "
         "they do not belong together."},
        {"use_swiglu_ffn: true",
         "The configuration says ffn_layer: swiglu but the weights are of mlp: they do not belong together."},
        {"model_type: dinov2_with_registers\nnum_attention_heads: 1",
         "The configuration says model_type: dinov2_with_registers but "
         "the weights have 0 register tokens: they do "
         "not belong together."},
    };
    struct sample_changes changes = SAMPLE_AS_IS;
    char *config = file_join(folder, "config.yaml");
    options.config = config;
    changes.gelu = changes.plain = true;
    sample_backbone(backbone, &changes);
    sample_linear(head, &SAMPLE_AS_IS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file_put(config, cases[i].text, strlen(cases[i].text));
        expect(STATUS_INVALID_FILE, cases[i].sentence);
    }
    static const char good[] = "mlp_ratio: 1\nqkv_bias: false\ninit_values:\nuse_swiglu_ffn: "
                               "false\nmodel_type: dinov2\nnum_heads: 1\n";
    file_put(config, good, sizeof good - 1);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    free(config);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, configuration_and_weights_must_agree);
    tcase_add_test(all, configurations_of_more_than_the_weights_have_are_refused);
    return suite_run("agreement", all);
}
