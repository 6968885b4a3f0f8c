/* Published preprocessing as profiles, and what is refused of it. */
#include "engine/checkpoint/preprocessor.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

static struct failure failure;

static enum status parse(const char *text, bool timm, struct preprocessor *out)
{
    const struct bytes bytes = {(const uint8_t *)text, strlen(text)};
    return timm ? preprocessor_parse_timm(bytes, &failure, out) : preprocessor_parse(bytes, &failure, out);
}

#define VALUES                                                                                \
    "\"do_rescale\": true, \"rescale_factor\": 0.00392156862745098, \"do_normalize\": true, " \
    "\"image_mean\": [0.5307, 0.5307, 0.5307], \"image_std\": [0.2583, 0.2583, 0.2583]"
#define CROP "\"do_center_crop\": true, \"crop_size\": {\"height\": 518, \"width\": 518}"

START_TEST(rad_dino_is_its_profile)
{
    struct preprocessor found;
    ck_assert_msg(!parse("{" CROP
                         ", \"size\": {\"shortest_edge\": 518}, \"resample\": 3, \"do_resize\": true, " VALUES
                         "}",
                         false, &found),
                  "%s", failure.sentence);
    ck_assert(found.given);
    ck_assert_uint_eq(found.height, 518);
    ck_assert_uint_eq(found.width, 518);
    ck_assert_int_eq(found.profile.resize, PROFILE_SHORTEST_EDGE);
    ck_assert_uint_eq(found.profile.edge, 0); /* just covers the input */
    ck_assert_int_eq(found.profile.filter, PROFILE_BICUBIC);
    ck_assert_int_eq(found.profile.centre, PROFILE_CENTRE_DOWN);
    ck_assert(!found.profile.min_max);
    ck_assert_double_eq(found.profile.rescale, 0.00392156862745098);
    ck_assert_double_eq(found.profile.mean[2], 0.5307);
    ck_assert_double_eq(found.profile.deviation[0], 0.2583);
    ck_assert_uint_eq(preprocessor_profile(&found, 896, 1064).edge, 0);
}
END_TEST

START_TEST(an_edge_beyond_the_crop_grows_with_the_input)
{
    struct preprocessor found;
    ck_assert_int_eq(parse("{\"crop_size\": 224, \"size\": {\"shortest_edge\": 256}, \"resample\": 2, " VALUES
                           "}",
                           false, &found),
                     STATUS_OK);
    ck_assert_uint_eq(found.profile.edge, 256);
    ck_assert_int_eq(found.profile.filter, PROFILE_BILINEAR);
    ck_assert_uint_eq(preprocessor_profile(&found, 224, 224).edge, 256);
    ck_assert_uint_eq(preprocessor_profile(&found, 518, 518).edge, 592);
    ck_assert_uint_eq(preprocessor_profile(&found, 448, 224).edge, 512);
}
END_TEST

START_TEST(a_size_without_a_crop_is_exact)
{
    struct preprocessor found;
    ck_assert_int_eq(
        parse("{\"size\": {\"height\": 512, \"width\": 448}, \"do_rescale\": false, \"do_normalize\": false}",
              false, &found),
        STATUS_OK);
    ck_assert_int_eq(found.profile.resize, PROFILE_EXACT);
    ck_assert_uint_eq(found.height, 512);
    ck_assert_uint_eq(found.width, 448);
    ck_assert_double_eq(found.profile.rescale, 1);
    ck_assert_double_eq(found.profile.mean[0], 0);
    ck_assert_double_eq(found.profile.deviation[1], 1);
}
END_TEST

START_TEST(what_no_profile_can_say_is_refused)
{
    static const struct {
        const char *text, *sentence;
        bool timm;
    } cases[] = {
        {"[]", "It is no JSON object.", false},
        {"{\"size\": {\"shortest_edge\": 518}, " CROP ", \"resample\": 1, " VALUES "}",
         "\"resample\" asks for a filter that is not supported: 3 (bicubic) and 2 (bilinear) are.", false},
        {"{\"size\": {\"shortest_edge\": 518}, \"do_center_crop\": false, " VALUES "}",
         "\"do_center_crop\" is false, and an input as long as the image is not supported: choose a size "
         "with "
         "--image-size and give the file of the weights, not the folder.",
         false},
        {"{\"size\": {\"shortest_edge\": 400}, " CROP ", " VALUES "}",
         "\"crop_size\" is larger than the resized image, and padding is not supported.", false},
        {"{\"size\": {\"height\": 600, \"width\": 600}, " CROP ", " VALUES "}",
         "\"crop_size\" differs from \"size\", and a part of a stretched image is not supported.", false},
        {"{\"size\": {\"shortest_edge\": 518}, " CROP "}", "\"image_mean\" is not a list of three numbers.",
         false},
        {"{\"size\": {\"shortest_edge\": 518}, " CROP
         ", \"image_mean\": [0, 0, 0], \"image_std\": [1, 0, 1]}",
         "\"image_std\" holds what is no number that a profile may have.", false},
        {"{\"size\": {\"shortest_edge\": -1}, " CROP ", " VALUES "}", "\"size\" is not a size in pixels.",
         false},
        {"{\"do_resize\": false, " CROP "}",
         "\"do_resize\" is false, and an input of any size is not supported.", false},
        {"{\"do_resize\": 3}", "\"do_resize\" is neither true nor false.", false},
        {"{\"do_hist_equalize\": true, \"size\": {\"shortest_edge\": 518}, " CROP ", " VALUES "}",
         "\"do_hist_equalize\" is true, a step that this program does not know.", false},
        {"{\"pretrained_cfg\": {\"input_size\": [3, 518]}}", "\"input_size\" is not three sizes.", true},
        {"{\"pretrained_cfg\": {\"input_size\": [3, 518, 518], \"interpolation\": \"lanczos\"}}",
         "\"interpolation\" asks for a filter that is not supported: bicubic and bilinear are.", true},
        {"{\"pretrained_cfg\": {\"input_size\": [3, 518, 518], \"crop_mode\": \"border\"}}",
         "\"crop_mode\" asks for a crop that is not supported: center and squash are.", true},
        {"{\"pretrained_cfg\": {\"input_size\": [3, 518, 518], \"crop_pct\": 0}}",
         "\"crop_pct\" is not a number over 0.1 and up to 1.", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct preprocessor found = {.height = 77};
        ck_assert_msg(parse(cases[i].text, cases[i].timm, &found) == STATUS_INVALID_FILE, "%s",
                      cases[i].text);
        ck_assert_str_eq(failure.sentence, cases[i].sentence);
        ck_assert_uint_eq(found.height, 77);
    }
}
END_TEST

START_TEST(timm_says_it_in_its_own_way)
{
    struct preprocessor found;
    ck_assert_int_eq(
        parse("{\"architecture\": \"vit_base_patch14_dinov2\", \"pretrained_cfg\": {\"input_size\": "
              "[3, 224, 224], \"interpolation\": \"bicubic\", \"crop_pct\": 0.9, \"crop_mode\": \"center\", "
              "\"mean\": [0.485, 0.456, 0.406], \"std\": [0.229, 0.224, 0.225]}}",
              true, &found),
        STATUS_OK);
    ck_assert(found.given);
    ck_assert_uint_eq(found.profile.edge, 248);
    ck_assert_int_eq(found.profile.centre, PROFILE_CENTRE_EVEN);
    ck_assert_double_eq(found.profile.rescale, 1.0 / 255);
    ck_assert_double_eq(found.profile.mean[1], 0.456);
    ck_assert_int_eq(parse("{\"architecture\": \"vit_base_patch14_dinov2\"}", true, &found), STATUS_OK);
    ck_assert(!found.given);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, rad_dino_is_its_profile);
    tcase_add_test(all, an_edge_beyond_the_crop_grows_with_the_input);
    tcase_add_test(all, a_size_without_a_crop_is_exact);
    tcase_add_test(all, what_no_profile_can_say_is_refused);
    tcase_add_test(all, timm_says_it_in_its_own_way);
    return suite_run("preprocessor", all);
}
