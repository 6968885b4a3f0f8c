/* Element types, shapes as text, and conversion to float32 from any address. */
#include "engine/weights/tensor.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

START_TEST(names_and_types_are_one_to_one)
{
    for (int i = 0; i < TENSOR_TYPE_COUNT; i++) {
        enum tensor_type found = TENSOR_TYPE_COUNT;
        ck_assert(tensor_type_from_name(tensor_type_name((enum tensor_type)i), &found));
        ck_assert_int_eq((int)found, i);
    }
    enum tensor_type untouched = TENSOR_I8;
    ck_assert(!tensor_type_from_name("f32", &untouched));
    ck_assert_int_eq(untouched, TENSOR_I8);
}
END_TEST

START_TEST(shapes_print_and_multiply)
{
    char text[TENSOR_SHAPE_TEXT_BYTES];
    const size_t longest[TENSOR_RANK_MAX] = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX,
                                             SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};
    ck_assert_str_eq(tensor_shape_text(0, NULL, text), "[]");
    ck_assert_str_eq(tensor_shape_text(3, (size_t[]){1, 257, 384}, text), "[1, 257, 384]");
    ck_assert_str_eq(tensor_shape_text(8, longest, text) + 8 * 22 - 2, "5]");
    ck_assert_str_eq(tensor_pattern_text(2, (size_t[]){0, 384}, text), "[?, 384]");
    size_t count = 0;
    ck_assert(tensor_element_count(&(struct tensor){.rank = 2, .shape = {3, 5}}, &count));
    ck_assert_uint_eq(count, 15);
    ck_assert(tensor_element_count(&(struct tensor){.rank = 0}, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert(!tensor_element_count(&(struct tensor){.rank = 2, .shape = {SIZE_MAX, 2}}, &count));
}
END_TEST

START_TEST(converts_every_float_type_at_odd_addresses)
{
    const float f32[3] = {1, -2.5f, 65504};
    const uint16_t f16[3] = {0x3c00, 0xc100, 0x7bff}, bf16[3] = {0x3f80, 0xc020, 0x4780};
    const double f64[3] = {1, -2.5, 65504};
    const struct {
        enum tensor_type type;
        const void *data;
        size_t size;
        float last;
    } cases[] = {{TENSOR_F32, f32, sizeof f32, 65504},
                 {TENSOR_F16, f16, sizeof f16, 65504},
                 {TENSOR_BF16, bf16, sizeof bf16, 65536},
                 {TENSOR_F64, f64, sizeof f64, 65504}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *memory = malloc(cases[i].size + 1);
        memcpy(memory + 1, cases[i].data, cases[i].size);
        struct tensor tensor = {"t", cases[i].type, 1, {3}, memory + 1, cases[i].size};
        float out[4] = {0, 0, 0, 7};
        tensor_to_float(&tensor, out);
        ck_assert_float_eq(out[0], 1);
        ck_assert_float_eq(out[1], -2.5f);
        ck_assert_float_eq(out[2], cases[i].last);
        ck_assert_float_eq(out[3], 7);
        free(memory);
    }
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, names_and_types_are_one_to_one);
    tcase_add_test(all, shapes_print_and_multiply);
    tcase_add_test(all, converts_every_float_type_at_odd_addresses);
    return suite_run("tensor", all);
}
