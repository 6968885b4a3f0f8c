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
                                       .blocks = 4,
                                       .average_pool = true,
                                       .labels = labels + 1,
                                       .label_count = 1}};
    const struct model_card card = {.name = "m",
                                    .version = "1",
                                    .intended_use = "Tests.",
                                    .profile = "chexfound",
                                    .backbone = {.weights = "b.safetensors",
                                                 .sha256 = HASH,
                                                 .width = 128,
                                                 .depth = 4,
                                                 .heads = 2,
                                                 .patch_size = 16,
                                                 .image_size = 64,
                                                 .registers = 4,
                                                 .ffn = FFN_SWIGLU,
                                                 .ffn_hidden = 344,
                                                 .position_grid = 4,
                                                 .interpolate_offset = 0.1},
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
    ck_assert(again.heads[1].average_pool && again.heads[1].kind == HEAD_RISK);
    ck_assert_uint_eq(again.backbone.ffn_hidden, 344);
    free(second_text);
    json_destroy(&second);
    free(text);
    json_destroy(&parsed);
    json_destroy(&root);
    arena_destroy(&arena);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("card_write");
    tcase_add_test(cases, written_is_what_is_read);
    return suite_run("card_write", cases);
}
