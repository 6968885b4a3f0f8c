/* Published preprocessing as profiles, and what is refused of it. */
#include "engine/checkpoint/preprocessor.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

static struct failure failure;

static enum status parse(const char *text, struct preprocessor *out)
{
    return preprocessor_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &failure, out);
}

#define VALUES                                                                                \
    "\"do_rescale\": true, \"rescale_factor\": 0.00392156862745098, \"do_normalize\": true, " \
    "\"image_mean\": [0.5307, 0.5307, 0.5307], \"image_std\": [0.2583, 0.2583, 0.2583]"
#define CROP      "\"do_center_crop\": true, \"crop_size\": {\"height\": 518, \"width\": 518}"
#define TIMM(cfg) "{\"architecture\": \"vit_base_patch14_dinov2\", \"pretrained_cfg\": {" cfg "}}"

START_TEST(rad_dino_is_its_profile)
{
    struct preprocessor found;
    ck_assert_msg(!parse("{" CROP
                         ", \"size\": {\"shortest_edge\": 518}, \"resample\": 3, \"do_resize\": true, " VALUES
                         ", \"image_processor_type\": \"BitImageProcessor\"}",
                         &found),
                  "%s", failure.sentence);
    ck_assert(found.given);
    ck_assert_uint_eq(found.height, 518);
    ck_assert_uint_eq(found.width, 518);
    ck_assert_str_eq(found.profile.name, "BitImageProcessor");
    ck_assert_int_eq(found.profile.resize, PROFILE_SHORTEST_EDGE);
    ck_assert_uint_eq(found.profile.edge_height, 0); /* just covers the input */
    ck_assert_int_eq(found.profile.filter, PROFILE_BICUBIC);
    ck_assert_int_eq(found.profile.centre, PROFILE_CENTRE_DOWN);
    ck_assert_int_eq(found.profile.rounding, PROFILE_ROUND_DOWN);
    ck_assert(!found.profile.min_max);
    ck_assert_double_eq(found.profile.rescale, 0.00392156862745098);
    ck_assert_double_eq(found.profile.mean[2], 0.5307);
    ck_assert_double_eq(found.profile.deviation[0], 0.2583);
    ck_assert_uint_eq(preprocessor_profile(&found, 896, 1064).edge_height, 0);
}
END_TEST

static void check_edge(const struct preprocessor *found, uint32_t height, uint32_t width,
                       uint32_t edge_height, uint32_t edge_width, enum profile_rounding rounding)
{
    const struct profile profile = preprocessor_profile(found, height, width);
    ck_assert_uint_eq(profile.edge_height, edge_height);
    ck_assert_uint_eq(profile.edge_width, edge_width);
    ck_assert_int_eq(profile.rounding, rounding);
}

/* Each side keeps its margin: of a square nothing more is lost than of the published input. */
START_TEST(an_edge_beyond_the_crop_grows_with_the_input)
{
    struct preprocessor found;
    ck_assert_int_eq(parse("{\"crop_size\": 224, \"size\": {\"shortest_edge\": 256}, \"resample\": 2, " VALUES
                           "}",
                           &found),
                     STATUS_OK);
    ck_assert_int_eq(found.profile.filter, PROFILE_BILINEAR);
    check_edge(&found, 224, 224, 256, 256, PROFILE_ROUND_DOWN);
    check_edge(&found, 518, 518, 592, 592, PROFILE_ROUND_DOWN);
    check_edge(&found, 448, 224, 512, 256, PROFILE_ROUND_DOWN);
    ck_assert_int_eq(
        parse("{\"crop_size\": {\"height\": 224, \"width\": 168}, \"size\": 256, " VALUES "}", &found),
        STATUS_OK);
    check_edge(&found, 224, 168, 256, 256, PROFILE_ROUND_DOWN); /* the shortest edge that is published */
    check_edge(&found, 448, 336, 512, 512, PROFILE_ROUND_DOWN);
}
END_TEST

/* What a file leaves out is as the class has it. */
START_TEST(every_class_has_its_own_defaults)
{
    static const struct {
        const char *text, *name;
        uint32_t height, width;
        enum profile_resize resize;
        uint32_t edge;
        enum profile_filter filter;
        double mean, deviation;
    } cases[] = {
        {"{\"image_processor_type\": \"BitImageProcessor\"}", "BitImageProcessor", 224, 224,
         PROFILE_SHORTEST_EDGE, 0, PROFILE_BICUBIC, 0.48145466, 0.26862954},
        {"{\"do_resize\": true}", "BitImageProcessor", 224, 224, PROFILE_SHORTEST_EDGE, 0, PROFILE_BICUBIC,
         0.48145466, 0.26862954}, /* AutoImageProcessor's for Dinov2 */
        {"{\"image_processor_type\": \"BitImageProcessorFast\", \"do_rescale\": null, \"resample\": null, "
         "\"size\": null}",
         "BitImageProcessor", 224, 224, PROFILE_SHORTEST_EDGE, 0, PROFILE_BICUBIC, 0.48145466, 0.26862954},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": 256}", "CLIPImageProcessor", 224, 224,
         PROFILE_SHORTEST_EDGE, 256, PROFILE_BICUBIC, 0.48145466, 0.26862954},
        {"{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 384, \"resample\": null}",
         "ViTImageProcessor", 384, 384, PROFILE_EXACT, 0, PROFILE_BILINEAR, 0.5, 0.5},
        {"{\"feature_extractor_type\": \"ViTFeatureExtractor\", \"image_mean\": null}", "ViTImageProcessor",
         224, 224, PROFILE_EXACT, 0, PROFILE_BILINEAR, 0.5, 0.5},
        {"{\"image_processor_type\": \"DeiTImageProcessor\"}", "DeiTImageProcessor", 224, 224, PROFILE_EXACT,
         256, PROFILE_BICUBIC, 0.5, 0.5},
        {"{\"image_processor_type\": \"ConvNextImageProcessor\", \"resample\": 3, \"size\": "
         "{\"shortest_edge\": 224}}",
         "ConvNextImageProcessor", 224, 224, PROFILE_SHORTEST_EDGE, 256, PROFILE_BICUBIC, 0.5, 0.5},
        {"{\"image_processor_type\": \"ConvNextImageProcessor\", \"resample\": 2, \"size\": 224, "
         "\"crop_pct\": 0.95}",
         "ConvNextImageProcessor", 224, 224, PROFILE_SHORTEST_EDGE, 235, PROFILE_BILINEAR, 0.5, 0.5},
        {"{\"image_processor_type\": \"ConvNextImageProcessor\", \"resample\": 3}", "ConvNextImageProcessor",
         384, 384, PROFILE_EXACT, 0, PROFILE_BICUBIC, 0.5, 0.5},
        {"{\"image_processor_type\": \"SiglipImageProcessor\", \"size\": [224, 196]}", "SiglipImageProcessor",
         224, 196, PROFILE_EXACT, 0, PROFILE_BICUBIC, 0.5, 0.5},
        {"{\"image_processor_type\": \"DINOv3ViTImageProcessorFast\", \"size\": {\"height\": 512, \"width\": "
         "512}, \"do_center_crop\": null}",
         "DINOv3ViTImageProcessor", 512, 512, PROFILE_EXACT, 0, PROFILE_BILINEAR, 0.485, 0.229},
        {"{\"processor_class\": \"P\", \"image_processor\": {\"image_processor_type\": "
         "\"ViTImageProcessor\"}}",
         "ViTImageProcessor", 224, 224, PROFILE_EXACT, 0, PROFILE_BILINEAR, 0.5, 0.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct preprocessor found;
        ck_assert_msg(!parse(cases[i].text, &found), "%zu: %s", i, failure.sentence);
        ck_assert_str_eq(found.profile.name, cases[i].name);
        ck_assert_uint_eq(found.height, cases[i].height);
        ck_assert_uint_eq(found.width, cases[i].width);
        ck_assert_int_eq(found.profile.resize, cases[i].resize);
        ck_assert_uint_eq(found.profile.edge_height, cases[i].edge);
        ck_assert_uint_eq(found.profile.edge_width, cases[i].edge);
        ck_assert_int_eq(found.profile.filter, cases[i].filter);
        ck_assert_double_eq(found.profile.mean[0], cases[i].mean);
        ck_assert_double_eq(found.profile.deviation[0], cases[i].deviation);
        ck_assert_double_eq(found.profile.rescale, 1.0 / 255);
    }
}
END_TEST

START_TEST(a_size_without_a_crop_is_exact)
{
    struct preprocessor found;
    ck_assert_int_eq(parse("{\"size\": {\"height\": 512, \"width\": 448}, \"do_center_crop\": false, "
                           "\"do_rescale\": false, \"do_normalize\": false}",
                           &found),
                     STATUS_OK);
    ck_assert_int_eq(found.profile.resize, PROFILE_EXACT);
    ck_assert_uint_eq(found.height, 512);
    ck_assert_uint_eq(found.width, 448);
    ck_assert_double_eq(found.profile.rescale, 1);
    ck_assert_double_eq(found.profile.mean[0], 0);
    ck_assert_double_eq(found.profile.deviation[1], 1);
}
END_TEST

START_TEST(code_of_its_own_says_all_that_it_does)
{
    struct preprocessor found;
    ck_assert_msg(!parse("{\"auto_map\": {}, \"image_processor_type\": \"OwnProcessor\", \"size\": "
                         "{\"shortest_edge\": 518}, \"resample\": 3, \"crop_size\": {\"height\": 518, "
                         "\"width\": 518}, " VALUES "}",
                         &found),
                  "%s", failure.sentence);
    ck_assert(found.has_code);
    ck_assert_str_eq(found.profile.name, "its own processor");
    ck_assert_uint_eq(found.height, 518);
}
END_TEST

START_TEST(what_no_profile_can_say_is_refused)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"[]", "It is a list, and says nothing: download or copy the file again, or remove it."},
        {"{}", "It is an empty object, and says nothing: download or copy the file again, or remove it."},
        {"{\"model_type\": \"dinov2\", \"hidden_size\": 768}",
         "It describes a network, and not how pictures are prepared: give it as --config."},
        {"{\"peft_type\": \"LORA\"}",
         "It is the configuration of an adapter, and says nothing of the network or its pictures."},
        {"{\"a\": 1}",
         "It says nothing of how pictures are prepared ('size', 'image_mean', ...): is it the right file?"},
        {"{\"image_processor_type\": \"SamImageProcessor\", \"do_resize\": true}",
         "It is of the class 'SamImageProcessor', which is not known here: choose how pictures are prepared "
         "with --profile."},
        {"{\"size\": {\"shortest_edge\": 518}, " CROP ", \"resample\": 1, " VALUES "}",
         "\"resample\" asks for a filter that is not supported (lanczos): 3 (bicubic) and 2 (bilinear) are."},
        {"{\"resample\": 7}", "\"resample\" is not one of Pillow's filters, 0 to 5."},
        {"{\"resample\": null}",
         "\"resample\" is not said, which versions of transformers take for different filters: write 3 "
         "(bicubic) or 2 (bilinear)."},
        {"{\"image_processor_type\": \"ConvNextImageProcessor\"}",
         "\"resample\" is not said, which versions of transformers take for different filters: write 3 "
         "(bicubic) or 2 (bilinear)."},
        {"{\"image_processor_type\": \"ConvNextImageProcessor\", \"resample\": 3, \"size\": {\"height\": 1, "
         "\"width\": 1}}",
         "\"size\" is no shortest_edge, which this class needs."},
        {"{\"do_rescale\": null}",
         "\"do_rescale\" is null, which one version of transformers takes for true and another for false: "
         "write which."},
        {"{\"do_center_crop\": null}",
         "\"do_center_crop\" is null, which one version of transformers takes for true and another for "
         "false: write which."},
        {"{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 256, " CROP "}",
         "\"do_center_crop\" is true, which one version of transformers follows in this class and another "
         "does not."},
        {"{\"image_processor_type\": \"SiglipImageProcessor\", \"size\": 256}",
         "\"size\" is one number, which this class does not take: write height and width."},
        {"{\"size\": {\"shortest_edge\": 518, \"longest_edge\": 1024}, " CROP "}",
         "\"size\" has \"longest_edge\", which is not supported: shortest_edge, or height and width are."},
        {"{\"size\": {\"max_height\": 518, \"max_width\": 1024}, " CROP "}",
         "\"size\" has \"max_height\", which is not supported: shortest_edge, or height and width are."},
        {"{\"size\": {\"shortest_edge\": 518}, \"do_center_crop\": false, " VALUES "}",
         "\"do_center_crop\" is false, and an input as long as the image is not supported: choose how "
         "pictures are prepared with --profile, and --image-size."},
        {"{\"size\": {\"shortest_edge\": 400}, " CROP ", " VALUES "}",
         "\"crop_size\" is larger than the resized image, and padding is not supported."},
        {"{\"size\": {\"shortest_edge\": 518}, " CROP ", \"image_mean\": [0, 0]}",
         "\"image_mean\" is not a list of three numbers."},
        {"{\"size\": {\"shortest_edge\": 518}, " CROP
         ", \"image_mean\": [0, 0, 0], \"image_std\": [1, 0, 1]}",
         "\"image_std\" holds what is no number that a profile may have."},
        {"{\"size\": {\"shortest_edge\": -1}, " CROP ", " VALUES "}", "\"size\" is not a size in pixels."},
        {"{\"do_resize\": false, " CROP "}",
         "\"do_resize\" is false, and an input of any size is not supported."},
        {"{\"do_pad\": true}", "\"do_pad\" is true, and padding is not supported."},
        {"{\"do_resize\": 3}", "\"do_resize\" is neither true nor false."},
        {"{\"do_hist_equalize\": true, \"size\": {\"shortest_edge\": 518}, " CROP ", " VALUES "}",
         "\"do_hist_equalize\" is true, a step that this program does not know."},
        {"{\"do_equalize\": \"yes\", \"size\": {\"shortest_edge\": 518}, " CROP ", " VALUES "}",
         "\"do_equalize\" is not false, a step that this program does not know."},
        {"{\"apply_clahe\": true, \"size\": {\"shortest_edge\": 518}, " CROP ", " VALUES "}",
         "\"apply_clahe\" is true, a step that this program does not know."},
        {"{\"rescale_offset\": 1, \"size\": {\"shortest_edge\": 518}, " CROP ", " VALUES "}",
         "\"rescale_offset\" is not false, a step that this program does not know."},
        {"{\"image_processor_type\": \"CLIPImageProcessor\", \"use_square_size\": true, \"size\": {"
         "\"shortest_edge\": 518}, " CROP ", " VALUES "}",
         "\"use_square_size\" is true, a step that this program does not know."},
        {"{\"image_processor_type\": \"BitImageProcessorFast\", \"default_to_square\": true, \"size\": "
         "518, " CROP ", " VALUES "}",
         "\"default_to_square\" is said, which one class of transformers follows and another does not: write "
         "shortest_edge, or height and width, into \"size\"."},
        {"{\"size\": {\"shortest_edge\": 518, \"height\": 500, \"width\": 500}, " CROP ", " VALUES "}",
         "\"size\" has a shortest_edge and sides, of which one is too many."},
        {"{\"auto_map\": {}, \"image_processor_type\": \"OwnProcessor\", \"size\": 518}",
         "\"size\" is one number, which this class does not take: write height and width."},
        {TIMM("\"input_size\": [3, 518]"), "\"input_size\" is not three sizes."},
        {TIMM("\"input_size\": [1, 518, 518]"),
         "\"input_size\" is not of 3 channels, which alone are supported."},
        {TIMM("\"interpolation\": \"lanczos\""),
         "\"interpolation\" asks for a filter that is not supported: bicubic and bilinear are."},
        {TIMM("\"crop_mode\": \"border\""),
         "\"crop_mode\" asks for a crop that is not supported: center and squash are."},
        {TIMM("\"crop_pct\": 0"), "\"crop_pct\" is not a number over 0.1 and up to 1."},
        {TIMM("\"crop_pct\": 0.1"), "\"crop_pct\" is not a number over 0.1 and up to 1."},
        {TIMM("\"crop_pct\": 1.01"), "\"crop_pct\" is not a number over 0.1 and up to 1."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct preprocessor found = {.height = 77};
        ck_assert_msg(parse(cases[i].text, &found) == STATUS_INVALID_FILE, "%s", cases[i].text);
        ck_assert_str_eq(failure.sentence, cases[i].sentence);
        ck_assert_uint_eq(found.height, 77);
    }
}
END_TEST

START_TEST(timm_says_it_in_its_own_way)
{
    struct preprocessor found;
    ck_assert_int_eq(parse(TIMM("\"input_size\": [3, 224, 224], \"interpolation\": \"bilinear\", "
                                "\"crop_pct\": 0.9, \"crop_mode\": \"center\", "
                                "\"mean\": [0.485, 0.456, 0.406], \"std\": [0.229, 0.224, 0.225]"),
                           &found),
                     STATUS_OK);
    ck_assert(found.given);
    check_edge(&found, 224, 224, 248, 248, PROFILE_ROUND_DOWN);
    check_edge(&found, 168, 112, 186, 124, PROFILE_ROUND_NEAREST);
    ck_assert_int_eq(found.profile.filter, PROFILE_BILINEAR);
    ck_assert_int_eq(found.profile.centre, PROFILE_CENTRE_EVEN);
    ck_assert_double_eq(found.profile.rescale, 1.0 / 255);
    ck_assert_double_eq(found.profile.mean[1], 0.456);
    ck_assert_int_eq(parse("{\"architecture\": \"vit_base_patch14_dinov2\", \"num_classes\": 0}", &found),
                     STATUS_OK);
    ck_assert(!found.given);
}
END_TEST

/* What stands beside pretrained_cfg timm does not read. */
START_TEST(timm_says_it_once)
{
#define BESIDE(members) \
    "{\"architecture\": \"vit_base_patch14_dinov2\", " members ", \"pretrained_cfg\": {\"crop_pct\": 0.9}}"
    struct preprocessor found;
    ck_assert_int_eq(parse(BESIDE("\"crop_pct\": 0.9"), &found), STATUS_OK);
    ck_assert_int_eq(parse(BESIDE("\"crop_pct\": null"), &found), STATUS_OK);
    ck_assert_int_eq(parse(BESIDE("\"crop_pct\": 0.8"), &found), STATUS_INVALID_FILE);
    ck_assert_str_eq(
        failure.sentence,
        "It says crop_pct beside its pretrained_cfg, and not the same within: remove the one that "
        "is wrong, or choose how pictures are prepared with --profile.");
    ck_assert_int_eq(parse(BESIDE("\"mean\": [0.5, 0.5, 0.5]"), &found), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "It says mean beside its pretrained_cfg"));
}
END_TEST

/* PretrainedCfg of timm/models/_pretrained.py. */
START_TEST(what_timm_leaves_out_has_its_defaults)
{
    static const char *const texts[] = {TIMM(""), TIMM("\"crop_pct\": null, \"mean\": null"),
                                        ("{\"architecture\": \"vit_base_patch14_dinov2\", \"num_features\": "
                                         "768, \"input_size\": [3, 224, 224]}")};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct preprocessor found;
        ck_assert_msg(!parse(texts[i], &found), "%s", failure.sentence);
        ck_assert(found.given);
        ck_assert_uint_eq(found.height, 224);
        check_edge(&found, 224, 224, 256, 256, PROFILE_ROUND_DOWN);
        check_edge(&found, 518, 518, 592, 592, PROFILE_ROUND_DOWN);
        ck_assert_int_eq(found.profile.resize, PROFILE_SHORTEST_EDGE);
        ck_assert_int_eq(found.profile.filter, PROFILE_BICUBIC);
        ck_assert_double_eq(found.profile.mean[0], 0.485);
        ck_assert_double_eq(found.profile.deviation[2], 0.225);
    }
    struct preprocessor squashed;
    ck_assert(!parse(TIMM("\"input_size\": [3, 168, 112], \"crop_mode\": \"squash\""), &squashed));
    ck_assert_int_eq(squashed.profile.resize, PROFILE_EXACT);
    ck_assert_uint_eq(squashed.profile.edge_height, 192);
    ck_assert_uint_eq(squashed.profile.edge_width, 128);
}
END_TEST

START_TEST(two_files_are_the_same_or_not)
{
    struct preprocessor bit, clip, other;
    ck_assert(!parse("{\"image_processor_type\": \"BitImageProcessor\"}", &bit));
    ck_assert(!parse("{\"image_processor_type\": \"CLIPImageProcessor\"}", &clip));
    ck_assert(!parse("{\"image_processor_type\": \"CLIPImageProcessor\", \"resample\": 2}", &other));
    ck_assert(preprocessor_equal(&bit, &clip));
    ck_assert(!preprocessor_equal(&bit, &other));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, rad_dino_is_its_profile);
    tcase_add_test(all, an_edge_beyond_the_crop_grows_with_the_input);
    tcase_add_test(all, every_class_has_its_own_defaults);
    tcase_add_test(all, a_size_without_a_crop_is_exact);
    tcase_add_test(all, code_of_its_own_says_all_that_it_does);
    tcase_add_test(all, what_no_profile_can_say_is_refused);
    tcase_add_test(all, timm_says_it_in_its_own_way);
    tcase_add_test(all, timm_says_it_once);
    tcase_add_test(all, what_timm_leaves_out_has_its_defaults);
    tcase_add_test(all, two_files_are_the_same_or_not);
    return suite_run("preprocessor", all);
}
