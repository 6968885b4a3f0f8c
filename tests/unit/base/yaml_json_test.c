#include "engine/base/yaml_json.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status parse(const char *text, struct failure *failure, struct json **out)
{
    return yaml_parse((struct bytes){(const uint8_t *)text, strlen(text)}, failure, out);
}

static void expect(const char *text, const char *json)
{
    struct json *value = NULL;
    struct failure failure = {0};
    ck_assert_msg(!parse(text, &failure, &value), "%s: %s", text, failure.sentence);
    char *printed = json_print(value, false);
    ck_assert_str_eq(printed, json);
    free(printed);
    json_destroy(&value);
}

static void refused(const char *text, const char *sentence)
{
    struct json *value = NULL;
    struct failure failure = {0};
    ck_assert_int_eq(parse(text, &failure, &value), STATUS_BAD_REQUEST);
    ck_assert_ptr_null(value);
    ck_assert_msg(strstr(failure.sentence, sentence), "%s: %s", text, failure.sentence);
}

START_TEST(values_keep_their_types)
{
    expect(
        "a: 1\nb: -2.5e3\nc: true\nd: null\ne: text\nf: '1'\ng: \"true\"\nh:\n",
        "{\"a\":1,\"b\":-2500,\"c\":true,\"d\":null,\"e\":\"text\",\"f\":\"1\",\"g\":\"true\",\"h\":null}");
    expect("version: 1.2.3\nopen: 3.1.0\nyes: no\n",
           "{\"version\":\"1.2.3\",\"open\":\"3.1.0\",\"yes\":\"no\"}");
}
END_TEST

START_TEST(containers_nest)
{
    expect("list: [1, {x: 2}, []]\nmap:\n  - a\n  - b: {c: d}\n",
           "{\"list\":[1,{\"x\":2},[]],\"map\":[\"a\",{\"b\":{\"c\":\"d\"}}]}");
    expect("# a comment\n--- text\n", "\"text\"");
}
END_TEST

START_TEST(what_is_not_plain_data_is_refused_by_line)
{
    refused("a: 1\na: 2\n", "Line 2: this key stands twice.");
    refused("b: 1\na: 1\nb: {c: 1, d: 2, c: 3}\n", "Line 3: this key stands twice.");
    refused("a: &x 1\nb: *x\n", "anchors");
    refused("a: [1, 2\n", "malformed");
    refused("", "no document");
    refused("--- 1\n--- 2\n", "only one document");
    refused("? [a]\n: b\n", "a key must be text");
    char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 99);
    deep[199] = '\0';
    refused(deep, "nested too deeply");
}
END_TEST

/* In a time that grows with their number, and not with its square. */
START_TEST(many_keys_are_read_in_seconds)
{
    enum { KEYS = 200000 };
    struct buffer text = {.maximum = 64 << 20};
    struct json *value = NULL;
    struct failure failure = {0};
    char line[32];
    for (int i = 0; i < KEYS; i++) {
        snprintf(line, sizeof line, "key_%06d: %d\n", i, i);
        buffer_append(&text, line, strlen(line));
    }
    ck_assert_msg(!yaml_parse((struct bytes){text.data, text.size}, &failure, &value), "%s",
                  failure.sentence);
    ck_assert_uint_eq(json_length(value), KEYS);
    json_destroy(&value);
    buffer_append(&text, "key_000007: 1\n", strlen("key_000007: 1\n"));
    ck_assert_int_eq(yaml_parse((struct bytes){text.data, text.size}, &failure, &value), STATUS_BAD_REQUEST);
    ck_assert_str_eq(failure.sentence, "Line 200001: this key stands twice.");
    buffer_finish(&text);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("yaml");
    tcase_add_test(cases, values_keep_their_types);
    tcase_add_test(cases, containers_nest);
    tcase_add_test(cases, what_is_not_plain_data_is_refused_by_line);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, many_keys_are_read_in_seconds);
    return suite_run("base/yaml_json", cases);
}
