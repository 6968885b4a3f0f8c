/* A card against the tensors of its weight files: each way in which they can be of two networks. */
#include "engine/package/tensors.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { D = 64, E = 128, C = 3 };

static const struct backbone_card CARD = {.width = D,
                                          .depth = 2,
                                          .heads = 1,
                                          .patch_size = 8,
                                          .image_height = 16,
                                          .image_width = 16,
                                          .registers = 4,
                                          .ffn = FFN_GELU,
                                          .ffn_hidden = 64,
                                          .position_grid = 2};
static const struct tensor BACKBONE[] = {
    {"cls_token", TENSOR_F32, 3, {1, 1, D}},
    {"pos_embed", TENSOR_F32, 3, {1, 5, D}},
    {"register_tokens", TENSOR_F32, 3, {1, 4, D}},
    {"patch_embed.proj.weight", TENSOR_F16, 4, {D, 3, 8, 8}},
    {"patch_embed.proj.bias", TENSOR_F32, 1, {D}},
    {"norm.weight", TENSOR_F32, 1, {D}},
    {"norm.bias", TENSOR_F32, 1, {D}},
    {"blocks.0.norm1.weight", TENSOR_F32, 1, {D}},
    {"blocks.0.norm1.bias", TENSOR_F32, 1, {D}},
    {"blocks.0.norm2.weight", TENSOR_F32, 1, {D}},
    {"blocks.0.norm2.bias", TENSOR_F32, 1, {D}},
    {"blocks.0.attn.qkv.weight", TENSOR_F16, 2, {3 * D, D}},
    {"blocks.0.attn.proj.weight", TENSOR_F16, 2, {D, D}},
    {"blocks.0.mlp.fc1.weight", TENSOR_F16, 2, {64, D}},
    {"blocks.0.mlp.fc2.weight", TENSOR_F16, 2, {D, 64}},
    {"blocks.1.norm1.weight", TENSOR_F32, 1, {D}},
    {"blocks.1.norm1.bias", TENSOR_F32, 1, {D}},
    {"blocks.1.norm2.weight", TENSOR_F32, 1, {D}},
    {"blocks.1.norm2.bias", TENSOR_F32, 1, {D}},
    {"blocks.1.attn.qkv.weight", TENSOR_F16, 2, {3 * D, D}},
    {"blocks.1.attn.proj.weight", TENSOR_F16, 2, {D, D}},
    {"blocks.1.mlp.fc1.weight", TENSOR_F16, 2, {64, D}},
    {"blocks.1.mlp.fc2.weight", TENSOR_F16, 2, {D, 64}},
};
enum { COUNT = sizeof BACKBONE / sizeof *BACKBONE };

/* One tensor more than the network has. */
static const struct tensor MORE[] = {
    {"blocks.2.norm1.weight", TENSOR_F32, 1, {D}},
    {"norm_pre.weight", TENSOR_F32, 1, {D}},
    {"mask_token", TENSOR_F32, 2, {1, D}},
    {"blocks.1.attn.q_norm.weight", TENSOR_F32, 1, {D}},
    {"blocks.0.mlp.w12.weight", TENSOR_F32, 2, {128, D}},
};

static void check_backbone(const struct backbone_card *card, const struct tensor *tensors, size_t count,
                           const char *sentence)
{
    struct failure failure = {0};
    enum status status = backbone_check(card, tensors, count, &failure);
    ck_assert_int_eq(status, *sentence ? STATUS_INVALID_FILE : STATUS_OK);
    ck_assert_str_eq(failure.sentence, sentence);
}

START_TEST(a_backbone_with_all_its_tensors)
{
    check_backbone(&CARD, BACKBONE, COUNT, "");
}
END_TEST

START_TEST(each_tensor_is_needed)
{
    struct failure failure = {0};
    struct tensor tensors[COUNT];
    memcpy(tensors, BACKBONE, sizeof BACKBONE);
    tensors[_i] = tensors[COUNT - 1];
    ck_assert_int_eq(backbone_check(&CARD, tensors, COUNT - 1, &failure), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, BACKBONE[_i].name));
    ck_assert_ptr_nonnull(strstr(failure.sentence, " is missing."));
}
END_TEST

START_TEST(each_tensor_has_its_shape)
{
    struct failure failure = {0};
    struct tensor tensors[COUNT];
    memcpy(tensors, BACKBONE, sizeof BACKBONE);
    tensors[_i].shape[tensors[_i].rank - 1]++;
    ck_assert_int_eq(backbone_check(&CARD, tensors, COUNT, &failure), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, BACKBONE[_i].name));
    memcpy(tensors, BACKBONE, sizeof BACKBONE);
    tensors[_i].type = TENSOR_I64;
    ck_assert_int_eq(backbone_check(&CARD, tensors, COUNT, &failure), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(
        strstr(failure.sentence, "is of type I64 where floats of 16, 32 or 64 bits are needed."));
}
END_TEST

START_TEST(nothing_lies_idle)
{
    char sentence[FAILURE_SENTENCE_BYTES];
    struct tensor tensors[COUNT + 1];
    memcpy(tensors, BACKBONE, sizeof BACKBONE);
    tensors[COUNT] = MORE[_i];
    snprintf(sentence, sizeof sentence,
             "Tensor '%s' is there, but the network as it is described does not use it: they do not belong "
             "together.",
             MORE[_i].name);
    check_backbone(&CARD, tensors, COUNT + 1, sentence);
}
END_TEST

START_TEST(dropped_registers_and_blocks_are_noticed)
{
    struct backbone_card card = CARD;
    card.registers = 0;
    check_backbone(
        &card, BACKBONE, COUNT,
        "Tensor 'register_tokens' is there, but the network as it is described does not use it: they "
        "do not belong together.");
    card = CARD;
    card.depth = 1;
    check_backbone(
        &card, BACKBONE, COUNT,
        "Tensor 'blocks.1.norm1.weight' is there, but the network as it is described does not use it: "
        "they do not belong together.");
}
END_TEST

START_TEST(what_is_optional_is_in_all_blocks_or_in_none)
{
    struct tensor tensors[COUNT + 2];
    memcpy(tensors, BACKBONE, sizeof BACKBONE);
    tensors[COUNT] = (struct tensor){"blocks.1.ls1.gamma", TENSOR_F32, 1, {D}};
    check_backbone(&CARD, tensors, COUNT + 1,
                   "Tensor 'blocks.1.ls1.gamma' is there while 'blocks.0.ls1.gamma' is not.");
    tensors[COUNT].name = "blocks.0.ls1.gamma";
    check_backbone(&CARD, tensors, COUNT + 1, "Tensor 'blocks.1.ls1.gamma' of shape [64] is missing.");
    tensors[COUNT + 1] = (struct tensor){"blocks.1.ls1.gamma", TENSOR_F32, 1, {D}};
    check_backbone(&CARD, tensors, COUNT + 2, "");
}
END_TEST

static const struct head_card GLORI = {.name = "f", .type = HEAD_GLORI, .blocks = 2, .label_count = C};
static const struct tensor HEAD[] = {
    {"embed_standart.weight", TENSOR_F16, 2, {E, 2 * D}},
    {"layers.0.linear1.weight", TENSOR_F16, 2, {64, E}},
    {"duplicate_pooling", TENSOR_F32, 3, {C, E, 1}},
    {"embed_standart.bias", TENSOR_F32, 1, {E}},
    {"query_embed", TENSOR_F32, 2, {C, E}},
    {"layers.0.multihead_attn.in_proj_weight", TENSOR_F16, 2, {3 * E, E}},
    {"layers.0.multihead_attn.in_proj_bias", TENSOR_F32, 1, {3 * E}},
    {"layers.0.multihead_attn.out_proj.weight", TENSOR_F16, 2, {E, E}},
    {"layers.0.multihead_attn.out_proj.bias", TENSOR_F32, 1, {E}},
    {"layers.0.norm1.weight", TENSOR_F32, 1, {E}},
    {"layers.0.norm1.bias", TENSOR_F32, 1, {E}},
    {"layers.0.norm2.weight", TENSOR_F32, 1, {E}},
    {"layers.0.norm2.bias", TENSOR_F32, 1, {E}},
    {"layers.0.norm3.weight", TENSOR_F32, 1, {E}},
    {"layers.0.norm3.bias", TENSOR_F32, 1, {E}},
    {"layers.0.linear1.bias", TENSOR_F32, 1, {64}},
    {"layers.0.linear2.weight", TENSOR_F16, 2, {E, 64}},
    {"layers.0.linear2.bias", TENSOR_F32, 1, {E}},
    {"duplicate_pooling_bias", TENSOR_F32, 1, {C}},
};
enum { HEAD_COUNT = sizeof HEAD / sizeof *HEAD };

static void check_head(const struct head_card *card, const struct tensor *tensors, size_t count,
                       const char *sentence)
{
    struct failure failure = {0};
    enum status status = head_check(card, D, tensors, count, &failure);
    ck_assert_int_eq(status, *sentence ? STATUS_INVALID_FILE : STATUS_OK);
    ck_assert_str_eq(failure.sentence, sentence);
}

START_TEST(a_glori_head)
{
    struct tensor tensors[HEAD_COUNT + 1];
    memcpy(tensors, HEAD, sizeof HEAD);
    check_head(&GLORI, tensors, HEAD_COUNT, "");
    tensors[2].shape[1] = 2 * D + E; /* with class tokens */
    check_head(&GLORI, tensors, HEAD_COUNT, "");
    tensors[2].shape[1] = D + E;
    check_head(&GLORI, tensors, HEAD_COUNT,
               "Tensor 'duplicate_pooling' takes 192 values a class where 128, or 256 with class tokens, are "
               "needed.");
#define SIZES(width, inner)                                                                             \
    "Its width of " #width " and inner width of " #inner " are not multiples of 128 up to 2048 and of " \
    "64 up to 16384, which a GLoRI head needs here."
    static const struct {
        size_t width, inner;
        const char *sentence;
    } sizes[] = {{128, 65, SIZES(128, 65)},
                 {128, 16448, SIZES(128, 16448)},
                 {192, 64, SIZES(192, 64)},
                 {2176, 64, SIZES(2176, 64)}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memcpy(tensors, HEAD, sizeof HEAD);
        tensors[0].shape[0] = sizes[i].width;
        tensors[1].shape[0] = sizes[i].inner;
        check_head(&GLORI, tensors, HEAD_COUNT, sizes[i].sentence);
    }
    memcpy(tensors, HEAD, sizeof HEAD);
    tensors[HEAD_COUNT] = (struct tensor){"layers.1.norm1.weight", TENSOR_F32, 1, {E}};
    check_head(&GLORI, tensors, HEAD_COUNT + 1,
               "Tensor 'layers.1.norm1.weight' is there, but the network as it is described does not use it: "
               "they do not belong together.");
}
END_TEST

START_TEST(each_tensor_of_a_glori_head_is_needed)
{
    struct failure failure = {0};
    struct tensor tensors[HEAD_COUNT];
    memcpy(tensors, HEAD, sizeof HEAD);
    tensors[_i].name = "other";
    ck_assert_int_eq(head_check(&GLORI, D, tensors, HEAD_COUNT, &failure), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, HEAD[_i].name));
}
END_TEST

START_TEST(a_linear_head)
{
    struct head_card card = {
        .name = "r", .type = HEAD_LINEAR, .blocks = 1, .average_pool = true, .label_count = 1};
    const struct tensor tensors[] = {{"linear.weight", TENSOR_F32, 2, {1, 2 * D}},
                                     {"linear.bias", TENSOR_F32, 1, {1}}};
    check_head(&card, tensors, 2, "");
    check_head(&card, tensors, 1, "Tensor 'linear.bias' of shape [1] is missing.");
    card.average_pool = false;
    check_head(&card, tensors, 2, "Tensor 'linear.weight' has shape [1, 128] where [1, 64] is needed.");
    card.two_views = true;
    check_head(&card, tensors, 2, "");
    card.average_pool = true;
    check_head(&card, tensors, 2, "Tensor 'linear.weight' has shape [1, 128] where [1, 256] is needed.");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("tensors");
    tcase_add_test(cases, a_backbone_with_all_its_tensors);
    tcase_add_loop_test(cases, each_tensor_is_needed, 0, COUNT - 1);
    tcase_add_loop_test(cases, each_tensor_has_its_shape, 0, COUNT);
    tcase_add_loop_test(cases, nothing_lies_idle, 0, sizeof MORE / sizeof *MORE);
    tcase_add_test(cases, dropped_registers_and_blocks_are_noticed);
    tcase_add_test(cases, what_is_optional_is_in_all_blocks_or_in_none);
    tcase_add_test(cases, a_glori_head);
    tcase_add_loop_test(cases, each_tensor_of_a_glori_head_is_needed, 0, HEAD_COUNT);
    tcase_add_test(cases, a_linear_head);
    return suite_run("tensors", cases);
}
