/* A card that is written and read again is the same card. */
#include "engine/package/card_read.h"
#include "engine/package/card_write.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char HASH[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

START_TEST(written_is_what_is_read)
{
    const struct code code = {"http://snomed.info/sct", "19242006"};
    const struct label labels[] = {{.name = "Edema",
                                    .threshold = 0.25,
                                    .threshold_source = "us",
                                    .threshold_weights_sha256 = HASH,
                                    .calibrated = true,
                                    .scale = 2,
                                    .offset = -0.1,
                                    .codes = &code,
                                    .code_count = 1},
                                   {.name = "Épanchement", .threshold = 0.5, .threshold_source = "default"}};
    const struct head_card heads[] = {{.name = "f",
                                       .type = HEAD_GLORI,
                                       .weights = "f.safetensors",
                                       .sha256 = HASH,
                                       .blocks = 2,
                                       .labels = labels,
                                       .label_count = 2},
                                      {.name = "r",
                                       .kind = HEAD_RISK,
                                       .type = HEAD_LINEAR,
                                       .definition = "A number.",
                                       .weights = "r.safetensors",
                                       .sha256 = HASH,
                                       .blocks = 0, /* the mean patch token alone */
                                       .average_pool = true,
                                       .two_views = true,
                                       .labels = labels + 1,
                                       .label_count = 1}};
    const struct profile profile = {.name = "ours",
                                    .edge_height = 64,
                                    .edge_width = 100,
                                    .rounding = PROFILE_ROUND_NEAREST,
                                    .filter = PROFILE_BILINEAR,
                                    .centre = PROFILE_CENTRE_DOWN,
                                    .min_max = true,
                                    .rescale = 1.0 / 255,
                                    .mean = {0.5307, 0.5, -0.1},
                                    .deviation = {0.2583, 1, 1e-6}};
    const struct model_card card = {.name = "m",
                                    .version = "1",
                                    .intended_use = "Tests.",
                                    .profile = profile,
                                    .backbone = {.weights = "b.safetensors",
                                                 .sha256 = HASH,
                                                 .width = 128,
                                                 .depth = 4,
                                                 .heads = 2,
                                                 .patch_size = 16,
                                                 .image_height = 64,
                                                 .image_width = 96,
                                                 .registers = 4,
                                                 .ffn = FFN_SWIGLU,
                                                 .ffn_hidden = 344,
                                                 .position_grid = 4,
                                                 .interpolate_offset = 0.1,
                                                 .interpolate_antialias = true,
                                                 .layer_norm_epsilon = 1e-12},
                                    .heads = heads,
                                    .head_count = 2};
    struct failure failure = {0};
    struct arena *arena = arena_create();
    struct model_card again;
    struct json *root = card_json(&card), *parsed = NULL;
    char *text = card_print(root);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    ck_assert_int_eq(card_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &failure, &parsed),
                     STATUS_OK);
    ck_assert_msg(!card_read(parsed, arena, &failure, &again), "%s", failure.sentence);
    struct json *second = card_json(&again);
    char *second_text = card_print(second);
    ck_assert_str_eq(second_text, text); /* so every member that is written was read, too */
    ck_assert_str_eq(again.heads[0].labels[1].name, "Épanchement");
    ck_assert_double_eq(again.heads[0].labels[0].offset, -0.1);
    ck_assert(again.heads[1].two_views && !again.heads[0].two_views);
    ck_assert(again.heads[1].average_pool && again.heads[1].kind == HEAD_RISK);
    ck_assert_uint_eq(again.backbone.ffn_hidden, 344);
    ck_assert(again.backbone.image_height == 64 && again.backbone.image_width == 96);
    ck_assert(again.backbone.interpolate_antialias && again.backbone.layer_norm_epsilon == 1e-12);
    ck_assert(profile_equal(&again.profile, &profile));
    free(second_text);
    json_destroy(&second);
    free(text);
    json_destroy(&parsed);
    json_destroy(&root);
    arena_destroy(&arena);
}
END_TEST

START_TEST(a_known_profile_is_its_name_and_a_changed_one_is_not)
{
    struct model_card card = {
        .name = "m", .version = "1", .intended_use = "Tests.", .backbone = {.weights = "b", .sha256 = HASH}};
    for (int changed = 0; changed < 2; changed++) {
        card.profile = *profile_known("dinov2");
        card.profile.mean[1] += changed;
        struct json *root = card_json(&card);
        const struct json *profile = json_member(json_member(root, "preprocessing"), "profile");
        ck_assert_int_eq(json_is_object(profile), changed);
        json_destroy(&root);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("card_write");
    tcase_add_test(cases, written_is_what_is_read);
    tcase_add_test(cases, a_known_profile_is_its_name_and_a_changed_one_is_not);
    return suite_run("card_write", cases);
}
