#include "engine/base/json.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Parses from an exact-size copy without a final NUL, so that a memory checker sees any read past the end. */
static enum status parse(const char *text, size_t size, int max_depth, struct failure *failure,
                         struct json **out)
{
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, text, size);
    enum status status = json_parse((struct bytes){exact, size}, max_depth, failure, out);
    free(exact);
    return status;
}

static struct json *parsed(const char *text)
{
    struct json *value = NULL;
    struct failure failure = {0};
    ck_assert_msg(parse(text, strlen(text), 16, &failure, &value) == STATUS_OK, "%s: %s", text,
                  failure.sentence);
    return value;
}

START_TEST(members_are_found_by_exact_name)
{
    struct json *root = parsed("{\"Heads\":1,\"heads\":2,\"sub\":{\"x\":[true,null,\"t\"]}}");
    double number = 0;
    ck_assert(json_number(json_member(root, "heads"), &number));
    ck_assert_double_eq(number, 2);
    ck_assert_ptr_null(json_member(root, "HEADS"));
    ck_assert_ptr_null(json_member(json_member(root, "absent"), "further"));
    const struct json *list = json_member(json_member(root, "sub"), "x");
    ck_assert(json_is_array(list));
    ck_assert_uint_eq(json_length(list), 3);
    bool flag = false;
    const struct json *item = json_first(list);
    ck_assert(json_boolean(item, &flag) && flag);
    item = json_next(item);
    ck_assert(json_is_null(item));
    ck_assert(!json_boolean(item, &flag));
    item = json_next(item);
    ck_assert_str_eq(json_text(item), "t");
    ck_assert(!json_number(item, &number));
    ck_assert_ptr_null(json_next(item));
    ck_assert_str_eq(json_name(json_first(root)), "Heads");
    json_destroy(&root);
    ck_assert_ptr_null(root);
    json_destroy(&root);
    json_destroy(NULL);
}
END_TEST

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

START_TEST(nothing_is_no_value_of_any_kind)
{
    double number;
    bool flag;
    int64_t whole;
    ck_assert(!json_is_object(NULL) && !json_is_array(NULL) && !json_is_null(NULL));
    ck_assert(!json_number(NULL, &number) && !json_boolean(NULL, &flag) && !json_integer(NULL, 0, 1, &whole));
    ck_assert_ptr_null(json_text(NULL));
    ck_assert_ptr_null(json_first(NULL));
    ck_assert_ptr_null(json_next(NULL));
    ck_assert_ptr_null(json_name(NULL));
    ck_assert_ptr_null(json_member(NULL, "x"));
    ck_assert_ptr_null(json_duplicate_name(NULL));
    ck_assert_uint_eq(json_length(NULL), 0);
}
END_TEST

START_TEST(depth_is_bounded)
{
    struct json *value = NULL;
    struct failure failure = {0};
    ck_assert_int_eq(parse("[[[1]]]", 7, 3, &failure, &value), STATUS_OK);
    json_destroy(&value);
    ck_assert_int_eq(parse("[[[[1]]]]", 9, 3, &failure, &value), STATUS_BAD_REQUEST);
    ck_assert_ptr_null(value);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "deeper than 3"));
    /* Brackets inside strings, and behind escaped quotes, are text. */
    ck_assert_int_eq(parse("\"[[[[\\\"[[[[\"", 12, 1, &failure, &value), STATUS_OK);
    json_destroy(&value);
    /* Siblings are not depth. */
    ck_assert_int_eq(parse("[[],[],[],{},{}]", 16, 2, &failure, &value), STATUS_OK);
    json_destroy(&value);
    enum { BOMB = 200000 };
    char *bomb = memory_allocate(BOMB, 1);
    memset(bomb, '[', BOMB);
    ck_assert_int_eq(parse(bomb, BOMB, 64, &failure, &value), STATUS_BAD_REQUEST);
    free(bomb);
}
END_TEST

START_TEST(malformed_text_is_refused)
{
    static const char *const texts[] = {
        "",      " ",   "{",     "}",       "[1,]",      "[1 2]", "{\"a\"}", "{\"a\":}",  "{\"a\":1,",
        "{a:1}", "'a'", "\"a",   "\"\\x\"", "\"\\u12\"", "nul",   "NaN",     "Infinity",  "+1",
        "[1]]",  "1 1", "{} {}", "[1] x",   "[],",       "\"\\",  "[\"",     "{\"1\":1,", "-",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json *value = NULL;
        struct failure failure = {0};
        ck_assert_msg(parse(texts[i], strlen(texts[i]), 16, &failure, &value) == STATUS_BAD_REQUEST,
                      "accepted: %s", texts[i]);
        ck_assert_ptr_null(value);
        ck_assert_ptr_nonnull(strstr(failure.sentence, "JSON"));
    }
}
END_TEST

START_TEST(every_cut_of_a_document_is_refused)
{
    const char *text = "{\"images\":[{\"id\":\"a\\u00e9\\n\",\"data\":\"QUJD\"},-1.5e3,true,null],\"z\":{}}";
    size_t length = strlen(text);
    struct json *value = NULL;
    struct failure failure;
    ck_assert_int_eq(parse(text, length, 8, &failure, &value), STATUS_OK);
    json_destroy(&value);
    for (size_t size = 0; size < length; size++) {
        ck_assert_int_eq(parse(text, size, 8, &failure, &value), STATUS_BAD_REQUEST);
        ck_assert_ptr_null(value);
    }
}
END_TEST

START_TEST(trailing_white_space_is_no_garbage)
{
    struct json *value = parsed(" \r\n\t[1] \r\n\t ");
    ck_assert_uint_eq(json_length(value), 1);
    json_destroy(&value);
    struct failure failure;
    ck_assert_int_eq(parse("[1]\0", 4, 8, &failure, &value), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "byte 3"));
}
END_TEST

START_TEST(duplicate_names_are_seen)
{
    struct json *value = parsed("{\"a\":1,\"b\":2,\"c\":3,\"b\":4}");
    ck_assert_str_eq(json_duplicate_name(value), "b");
    json_destroy(&value);
    value = parsed("{\"a\":1,\"A\":2,\"aa\":3}");
    ck_assert_ptr_null(json_duplicate_name(value));
    json_destroy(&value);
    value = parsed("[\"a\",\"a\"]");
    ck_assert_ptr_null(json_duplicate_name(value));
    json_destroy(&value);
}
END_TEST

START_TEST(integers_are_whole_and_in_range)
{
    struct json *list = parsed("[3,3.5,-1,1e3,9007199254740992,1e300,\"3\",10,11]");
    static const bool expected[] = {true, false, false, false, false, false, false, true, false};
    static const int64_t values[] = {3, 0, 0, 0, 0, 0, 0, 10, 0};
    size_t i = 0;
    for (const struct json *item = json_first(list); item; item = json_next(item), i++) {
        int64_t whole = -99;
        ck_assert_int_eq(json_integer(item, 0, 10, &whole), expected[i]);
        ck_assert_int_eq(whole, expected[i] ? values[i] : -99);
    }
    json_destroy(&list);
    list = parsed("[1e999]");
    double number = 5;
    ck_assert(!json_number(json_first(list), &number));
    ck_assert_double_eq(number, 5);
    json_destroy(&list);
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
    TCase *cases = tcase_create("json");
    tcase_add_loop_test_raise_signal(cases, what_is_not_finite_is_never_written, SIGABRT, 0, 7);
    tcase_add_test(cases, members_are_found_by_exact_name);
    tcase_add_test(cases, a_float_is_printed_with_the_fewest_digits);
    tcase_add_test(cases, nothing_is_no_value_of_any_kind);
    tcase_add_test(cases, depth_is_bounded);
    tcase_add_test(cases, malformed_text_is_refused);
    tcase_add_test(cases, every_cut_of_a_document_is_refused);
    tcase_add_test(cases, trailing_white_space_is_no_garbage);
    tcase_add_test(cases, duplicate_names_are_seen);
    tcase_add_test(cases, integers_are_whole_and_in_range);
    tcase_add_test(cases, floats_come_back_bit_for_bit);
    tcase_add_test(cases, floats_are_printed_short);
    tcase_add_test(cases, building_and_printing);
    return suite_run("base/json", cases);
}
