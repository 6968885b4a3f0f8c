#include "engine/base/json.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { VALUES_MAX = 5000 };

/* Parses from an exact-size copy without a final NUL, so that a memory checker sees any read past the end. */
static enum status parse(const char *text, size_t size, int max_depth, struct failure *failure,
                         struct json **out)
{
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, text, size);
    enum status status =
        json_parse((struct bytes){exact, size}, (struct json_limits){max_depth, VALUES_MAX}, failure, out);
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

/* "[" and `count` items with commas between them and "]", parsed. */
static enum status parse_items(const char *item, size_t count, struct failure *failure)
{
    struct buffer text = {.maximum = 1 << 20};
    struct json *value = NULL;
    ck_assert(buffer_append(&text, "[", 1));
    for (size_t i = 0; i < count; i++) {
        ck_assert(buffer_append(&text, ",", i > 0));
        ck_assert(buffer_append(&text, item, strlen(item)));
    }
    ck_assert(buffer_append(&text, "]", 1));
    enum status status = parse((const char *)text.data, text.size, 8, failure, &value);
    ck_assert(status || json_length(value) == count);
    json_destroy(&value);
    buffer_finish(&text);
    return status;
}

START_TEST(the_number_of_values_is_bounded)
{
    static const char *const items[] = {"\"\"", "0", "null", "\",,[[{{\\\",,\""};
    struct failure failure = {0};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        ck_assert_int_eq(parse_items(items[i], VALUES_MAX - 1, &failure), STATUS_OK); /* and the array */
        ck_assert_int_eq(parse_items(items[i], VALUES_MAX, &failure), STATUS_BAD_REQUEST);
        ck_assert_ptr_nonnull(strstr(failure.sentence, "more than 5000 values"));
    }
    ck_assert_int_eq(parse_items("{\"a\":1}", VALUES_MAX / 2 - 1, &failure), STATUS_OK);
    ck_assert_int_eq(parse_items("{\"a\":1}", VALUES_MAX / 2, &failure), STATUS_BAD_REQUEST);
    ck_assert_int_eq(parse_items("", VALUES_MAX + 1, &failure), STATUS_BAD_REQUEST);
}
END_TEST

START_TEST(a_nul_ends_no_text)
{
    static const char plain[] = "{\"a\":\"b\0c\"}";
    static const char *const escaped[] = {"{\"a\":\"b\\u0000c\"}", "{\"a\\u0000b\":1}", "[\"\\\\\\u0000\"]"};
    struct failure failure = {0};
    struct json *value = NULL;
    for (size_t i = 0; i < sizeof escaped / sizeof *escaped; i++) {
        ck_assert_int_eq(parse(escaped[i], strlen(escaped[i]), 8, &failure, &value), STATUS_BAD_REQUEST);
        ck_assert_ptr_nonnull(strstr(failure.sentence, "NUL"));
    }
    ck_assert_int_eq(parse(plain, sizeof plain - 1, 8, &failure, &value), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "NUL in a text, at byte 7"));
    value = parsed("[\"\\\\u0000 \\u0001\"]"); /* a backslash, and what follows is text */
    ck_assert_str_eq(json_text(json_first(value)), "\\u0000 \x01");
    json_destroy(&value);
}
END_TEST

START_TEST(a_text_without_memory_for_it_fails)
{
    enum { SIZE = 80 << 20 };
    const struct rlimit limit = {.rlim_cur = 120 << 20, .rlim_max = RLIM_INFINITY};
    char *text = malloc(SIZE);
    struct json *value = NULL;
    struct failure failure = {0};
    memset(text, 'x', SIZE);
    text[0] = text[SIZE - 1] = '"';
    ck_assert(!setrlimit(RLIMIT_AS, &limit));
    const struct bytes all = {(const uint8_t *)text, SIZE};
    ck_assert_int_eq(json_parse(all, (struct json_limits){1, 1}, &failure, &value), STATUS_OUT_OF_MEMORY);
    text[100] = '"'; /* a short one, and garbage */
    ck_assert_int_eq(json_parse(all, (struct json_limits){1, 1}, &failure, &value), STATUS_BAD_REQUEST);
    free(text);
}
END_TEST

START_TEST(malformed_text_is_refused)
{
    static const char *const texts[] = {
        "",         " ",         "{",        "}",       "[1,]",     "[1 2]",    "{\"a\"}",
        "{\"a\":}", "{\"a\":1,", "{a:1}",    "'a'",     "\"a",      "\"\\x\"",  "\"\\u12\"",
        "nul",      "NaN",       "Infinity", "+1",      "01",       "-01",      "1.",
        "1.e2",     "1e",        "1e+",      ".5",      "1.5e",     "--1",      "0x10",
        "truex",    "[nullx]",   "\v1",      "[1,\f2]", "\"a\tb\"", "\"\x01\"", "{\"a\nb\":1}",
        "\x7f",     "[1]]",      "1 1",      "{} {}",   "[1] x",    "[],",      "\"\\",
        "[\"",      "{\"1\":1,", "-",
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

START_TEST(text_that_is_cut_off_is_told_by_its_length)
{
    static const char *const texts[] = {"{", "[1,", "{\"a\":[1,2]", "{\"a\":{\"b\":\"}\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json *value = NULL;
        struct failure failure = {0};
        char expected[64];
        snprintf(expected, sizeof expected, "The JSON ends too early, after %zu bytes.", strlen(texts[i]));
        ck_assert_int_eq(parse(texts[i], strlen(texts[i]), 16, &failure, &value), STATUS_BAD_REQUEST);
        ck_assert_str_eq(failure.sentence, expected);
    }
}
END_TEST

START_TEST(numbers_are_read_as_json_writes_them)
{
    static const struct {
        const char *text;
        double value;
    } numbers[] = {{"0", 0},       {"-0", 0},     {"10", 10},    {"-1.5", -1.5},
                   {"0.25e2", 25}, {"1E-1", 0.1}, {"2e+3", 2000}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct json *value = parsed(numbers[i].text);
        double number = NAN;
        ck_assert(json_number(value, &number));
        ck_assert_double_eq(number, numbers[i].value);
        json_destroy(&value);
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
    value = parsed("{\"a\":[{\"b\":1},{\"c\":{\"d\":1,\"e\":2,\"d\":3}}]}");
    ck_assert_str_eq(json_duplicate_name(value), "d");
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

START_TEST(a_member_is_set_in_its_place)
{
    struct json *root = json_object();
    json_add_number(root, "a", 1);
    json_add_number(root, "b", 2);
    json_set(root, "a", json_text_value("x"));
    json_set(root, "c", json_null());
    char *text = json_print(root, false);
    ck_assert_str_eq(text, "{\"a\":\"x\",\"b\":2,\"c\":null}");
    free(text);
    json_destroy(&root);
}
END_TEST

START_TEST(members_and_items_are_removed)
{
    struct json *root = parsed("{\"a\":1,\"A\":2,\"list\":[1,2,3]}");
    json_remove(root, "A");
    json_remove(root, "none");
    json_remove_at((struct json *)json_member(root, "list"), 1);
    char *text = json_print(root, false);
    ck_assert_str_eq(text, "{\"a\":1,\"list\":[1,3]}");
    free(text);
    json_destroy(&root);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("json");
    tcase_add_test(cases, members_are_found_by_exact_name);
    tcase_add_test(cases, nothing_is_no_value_of_any_kind);
    tcase_add_test(cases, depth_is_bounded);
    tcase_add_test(cases, the_number_of_values_is_bounded);
    tcase_add_test(cases, a_nul_ends_no_text);
    if (memory_is_native())
        tcase_add_test(cases, a_text_without_memory_for_it_fails);
    tcase_add_test(cases, malformed_text_is_refused);
    tcase_add_test(cases, text_that_is_cut_off_is_told_by_its_length);
    tcase_add_test(cases, numbers_are_read_as_json_writes_them);
    tcase_add_test(cases, every_cut_of_a_document_is_refused);
    tcase_add_test(cases, trailing_white_space_is_no_garbage);
    tcase_add_test(cases, duplicate_names_are_seen);
    tcase_add_test(cases, integers_are_whole_and_in_range);
    tcase_add_test(cases, a_member_is_set_in_its_place);
    tcase_add_test(cases, members_and_items_are_removed);
    return suite_run("base/json", cases);
}
