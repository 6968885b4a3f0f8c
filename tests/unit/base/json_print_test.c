#include "engine/base/json.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct json *parsed(const char *text)
{
    struct json *value = NULL;
    struct failure failure = {0};
    const struct bytes bytes = {(const uint8_t *)text, strlen(text)};
    ck_assert_msg(!json_parse(bytes, (struct json_limits){16, 5000}, &failure, &value), "%s: %s", text,
                  failure.sentence);
    return value;
}

START_TEST(a_float_is_printed_with_the_fewest_digits)
{
    struct json *root = json_object();
    json_add_float(root, "tenth", 0.1f);
    json_add_float(root, "third", 1.0f / 3.0f);
    char *text = json_print(root, false);
    ck_assert_str_eq(text, "{\"tenth\":0.1,\"third\":0.33333334}");
    free(text);
    json_destroy(&root);
}
END_TEST

START_TEST(floats_come_back_bit_for_bit)
{
    static const float chosen[] = {0.0f,        -0.0f,         1.0f,         0.1f,   1.0f / 3.0f,
                                   16777217.0f, 3.4028235e38f, 1.17549e-38f, 1e-45f, -2.5e-10f,
                                   0.999999f,   123456.79f,    4e-44f,       -1e30f};
    enum { COUNT = 4000 };
    float values[COUNT];
    uint32_t state = 12345;
    for (size_t i = 0; i < COUNT; i++) {
        state = state * 1664525u + 1013904223u;
        memcpy(&values[i], &state, sizeof state);
        if (!isfinite(values[i]))
            values[i] = 0.5f;
    }
    memcpy(values, chosen, sizeof chosen);
    struct json *root = json_object();
    json_add(root, "values", json_float_array(values, COUNT));
    char *text = json_print(root, false);
    struct json *again = parsed(text);
    size_t i = 0;
    for (const struct json *item = json_first(json_member(again, "values")); item;
         item = json_next(item), i++) {
        double number;
        ck_assert(json_number(item, &number));
        float back = (float)number;
        ck_assert_msg(!memcmp(&back, &values[i], sizeof back) || (values[i] == 0 && back == 0),
                      "%a became %a", (double)values[i], (double)back);
    }
    ck_assert_uint_eq(i, COUNT);
    free(text);
    json_destroy(&again);
    json_destroy(&root);
}
END_TEST

START_TEST(floats_are_printed_short)
{
    static const float values[] = {0.1f, 0.5f, 2.0f};
    struct json *array = json_float_array(values, 3);
    char *text = json_print(array, false);
    ck_assert_str_eq(text, "[0.1,0.5,2]");
    free(text);
    json_destroy(&array);
    array = json_float_array(values, 0);
    text = json_print(array, false);
    ck_assert_str_eq(text, "[]");
    free(text);
    json_destroy(&array);
}
END_TEST

START_TEST(a_line_takes_what_was_told)
{
    struct json *root =
        parsed("{\"a\":[1,-2.5,1e300,0.1,53.448275862068968,true,false,null,{}],\"\\\"\":\"\\t\\u001f/\"}");
    static const char borrowed[] = "as \"it\" is";
    json_add(root, "b", json_text_borrowed(borrowed));
    json_add_float(root, "c", 0.1f);
    static const char line[] = "{\"a\":[1,-2.5,1e+300,0.1,53.448275862068968,true,false,null,{}],\"\\\"\":"
                               "\"\\t\\u001f/\",\"b\":\"as \\\"it\\\" is\",\"c\":0.1}";
    char text[sizeof line];
    text[json_print_size(root)] = '\0';
    json_print_into(root, text);
    ck_assert_str_eq(text, line);
    json_destroy(&root);
    ck_assert_str_eq(borrowed, "as \"it\" is");
}
END_TEST

START_TEST(building_and_printing)
{
    struct json *root = json_object();
    json_add_text(root, "name", "a \"b\"\\\n\x01 \xc3\xa9");
    json_add_number(root, "tenth", 0.1);
    json_add_boolean(root, "yes", true);
    struct json *list = json_add(root, "list", json_array());
    json_append_text(list, "x");
    json_append_number(list, -3);
    json_append(list, json_null());
    char *text = json_print(root, false);
    ck_assert_str_eq(text, "{\"name\":\"a \\\"b\\\"\\\\\\n\\u0001 \xc3\xa9\",\"tenth\":0.1,"
                           "\"yes\":true,\"list\":[\"x\",-3,null]}");
    struct json *copy = json_copy(root);
    json_destroy(&root);
    char *again = json_print(copy, false);
    ck_assert_str_eq(again, text);
    char *lines = json_print(copy, true);
    ck_assert_ptr_nonnull(strchr(lines, '\n'));
    struct json *back = parsed(lines);
    ck_assert_str_eq(json_text(json_member(back, "name")), "a \"b\"\\\n\x01 \xc3\xa9");
    json_destroy(&back);
    json_destroy(&copy);
    free(lines);
    free(again);
    free(text);
}
END_TEST

/* What is not finite never becomes a null that a reader may take for "nothing found". */
START_TEST(what_is_not_finite_is_never_written)
{
    static const float values[] = {1, NAN};
    static const double numbers[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    struct json *root = json_object();
    if (_i < 3)
        json_add_number(root, "x", numbers[_i]);
    else if (_i < 6)
        json_add_float(root, "x", (float)numbers[_i - 3]);
    else
        json_add(root, "x", json_float_array(values, 2));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("json_print");
    tcase_add_loop_test_raise_signal(cases, what_is_not_finite_is_never_written, SIGABRT, 0, 7);
    tcase_add_test(cases, a_float_is_printed_with_the_fewest_digits);
    tcase_add_test(cases, floats_come_back_bit_for_bit);
    tcase_add_test(cases, floats_are_printed_short);
    tcase_add_test(cases, a_line_takes_what_was_told);
    tcase_add_test(cases, building_and_printing);
    return suite_run("base/json_print", cases);
}
