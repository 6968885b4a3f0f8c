#include "api/keys.h"
#include "engine/base/sha256.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_OF_KEY "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683" /* "key" */
#define SECOND_NS     ((uint64_t)1000000000)

static struct keys *keys;
static struct failure failure;
static int retry_after_s;
static char name[KEY_NAME_BYTES_MAX + 1];

static enum status read_text(const char *text)
{
    return keys_read((struct bytes){(const uint8_t *)text, strlen(text)}, &failure, &keys);
}

static enum status admit(const char *key, uint64_t now_ns)
{
    return keys_admit(keys, key, now_ns, &failure, &retry_after_s, name);
}

START_TEST(a_file_may_have_comments_and_empty_lines)
{
    char text[1024], other[SHA256_HEX_BYTES];
    sha256_hex((struct bytes){(const uint8_t *)"other key", 9}, other);
    snprintf(text, sizeof text, "# who may ask\n\nward-3:" DIGEST_OF_KEY ":60\r\n  \n#x:y\nB.2_c:%s", other);
    ck_assert_msg(!read_text(text), "%s", failure.sentence);
    ck_assert_int_eq(admit("key", SECOND_NS), STATUS_OK);
    ck_assert_str_eq(name, "ward-3");
    ck_assert_int_eq(admit("other key", SECOND_NS), STATUS_OK);
    ck_assert_str_eq(name, "B.2_c");
    ck_assert_int_eq(admit(NULL, SECOND_NS), STATUS_UNAUTHORIZED);
    static const char *const wrong[] = {"", "ke", "key ", "keys", "Key", DIGEST_OF_KEY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_int_eq(admit(wrong[i], SECOND_NS), STATUS_FORBIDDEN);
    keys_destroy(&keys);
    ck_assert_ptr_null(keys);
}
END_TEST

START_TEST(wrong_lines_are_named)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"", "no API key"},
        {"# only\n\n", "no API key"},
        {"a\n", "Line 1"},
        {"\n:" DIGEST_OF_KEY "\n", "Line 2 of the API keys must begin with a name"},
        {"a b:" DIGEST_OF_KEY "\n", "must begin with a name"},
        {"a:2C70\n", "64 digits"},
        {"a:" DIGEST_OF_KEY "0\n", "64 digits"},
        {"a:2C70E12B7A0646F92279F427C7B38E7334D8E5389CFF167A1DC30E73F826B683\n", "64 digits"},
        {"a:" DIGEST_OF_KEY ":\n", "rate"},
        {"a:" DIGEST_OF_KEY ":0\n", "rate"},
        {"a:" DIGEST_OF_KEY ":1000001\n", "rate"},
        {"a:" DIGEST_OF_KEY ":99999999999\n", "rate"},
        {"a:" DIGEST_OF_KEY ":-1\n", "rate"},
        {"a:" DIGEST_OF_KEY ":1:2\n", "rate"},
        {"a:" DIGEST_OF_KEY "\nb:" DIGEST_OF_KEY "\n", "Line 2 of the API keys has a name or a key"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(read_text(wrong[i].text), STATUS_BAD_REQUEST);
        ck_assert_msg(strstr(failure.sentence, wrong[i].words), "%s: %s", wrong[i].text, failure.sentence);
        ck_assert_ptr_null(keys);
    }
}
END_TEST

START_TEST(there_may_be_1024_keys)
{
    struct buffer text = {.maximum = KEYS_FILE_BYTES_MAX};
    for (int i = 0; i < KEYS_MAX; i++) {
        char line[128];
        int length = snprintf(line, sizeof line, "name-%d:%064x\n", i, (unsigned)i + 1);
        ck_assert(buffer_append(&text, line, (size_t)length));
    }
    ck_assert(!keys_read((struct bytes){text.data, text.size}, &failure, &keys));
    keys_destroy(&keys);
    ck_assert(buffer_append(&text, "x:" DIGEST_OF_KEY, 66));
    ck_assert_int_eq(keys_read((struct bytes){text.data, text.size}, &failure, &keys), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "Line 1025 of the API keys is one key too many"));
    buffer_finish(&text);
}
END_TEST

START_TEST(a_rate_is_a_bucket_that_fills_steadily)
{
    uint64_t now_ns = 1000 * SECOND_NS;
    ck_assert(!read_text("a:" DIGEST_OF_KEY ":6\n")); /* one in 10 s */
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(admit("key", now_ns), STATUS_OK);
    ck_assert_int_eq(admit("key", now_ns), STATUS_TOO_MANY_REQUESTS);
    ck_assert_int_eq(retry_after_s, 10);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "6 requests a minute; try again in 10 s."));
    ck_assert_int_eq(admit("key", now_ns + 4 * SECOND_NS), STATUS_TOO_MANY_REQUESTS);
    ck_assert_int_eq(retry_after_s, 6);
    ck_assert_int_eq(admit("key", now_ns + 10 * SECOND_NS), STATUS_OK);
    ck_assert_int_eq(admit("key", now_ns + 10 * SECOND_NS), STATUS_TOO_MANY_REQUESTS);
    now_ns += 7200 * SECOND_NS; /* no more than a minute's requests wait */
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(admit("key", now_ns), STATUS_OK);
    ck_assert_int_eq(admit("key", now_ns), STATUS_TOO_MANY_REQUESTS);
    keys_destroy(&keys);
}
END_TEST

START_TEST(without_a_rate_there_is_no_bound)
{
    ck_assert(!read_text("a:" DIGEST_OF_KEY "\n"));
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(admit("key", SECOND_NS), STATUS_OK);
    keys_destroy(&keys);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("keys");
    tcase_add_test(cases, a_file_may_have_comments_and_empty_lines);
    tcase_add_test(cases, wrong_lines_are_named);
    tcase_add_test(cases, there_may_be_1024_keys);
    tcase_add_test(cases, a_rate_is_a_bucket_that_fills_steadily);
    tcase_add_test(cases, without_a_rate_there_is_no_bound);
    return suite_run("api/keys", cases);
}
