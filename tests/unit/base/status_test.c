#include "engine/base/status.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(set_fills_and_returns)
{
    struct failure failure = {0};
    ck_assert_int_eq(failure_set(&failure, STATUS_TOO_LARGE, "%d bytes, over %s.", 12, "ten"),
                     STATUS_TOO_LARGE);
    ck_assert_int_eq(failure.status, STATUS_TOO_LARGE);
    ck_assert_str_eq(failure.sentence, "12 bytes, over ten.");
    ck_assert_int_eq(failure_set(NULL, STATUS_DEVICE, "nobody listens"), STATUS_DEVICE);
}
END_TEST

START_TEST(long_sentences_are_cut_within_bounds)
{
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct {
        struct failure failure;
        char guard[8];
    } box;
    memset(box.guard, 0x5a, sizeof box.guard);
    (void)failure_set(&box.failure, STATUS_BAD_REQUEST, "%s", text);
    ck_assert_uint_eq(strlen(box.failure.sentence), FAILURE_SENTENCE_BYTES - 1);
    (void)failure_prefix(&box.failure, "%s", text);
    ck_assert_uint_eq(strlen(box.failure.sentence), FAILURE_SENTENCE_BYTES - 1);
    for (size_t i = 0; i < sizeof box.guard; i++)
        ck_assert_int_eq(box.guard[i], 0x5a);
}
END_TEST

/* A cut never leaves half a character: the sentence is sent as JSON, which must be UTF-8. */
START_TEST(cut_falls_between_characters)
{
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\xab\x81"};
    for (size_t kind = 0; kind < 3; kind++) {
        size_t width = strlen(characters[kind]);
        for (size_t lead = 0; lead < width; lead++) {
            char text[1024] = "";
            memset(text, 'a', lead);
            for (size_t at = lead; at + width < 700; at += width)
                memcpy(text + at, characters[kind], width);
            struct failure failure;
            (void)failure_set(&failure, STATUS_BAD_REQUEST, "%s", text);
            size_t kept = strlen(failure.sentence);
            ck_assert_uint_eq((kept - lead) % width, 0);
            ck_assert_uint_gt(kept, FAILURE_SENTENCE_BYTES - 1 - width);
            (void)failure_prefix(&failure, "a prefix");
            ck_assert_uint_eq((strlen(failure.sentence) - strlen("a prefix: ") - lead) % width, 0);
        }
    }
}
END_TEST

START_TEST(sentences_stay_on_one_line)
{
    struct failure failure;
    (void)failure_set(&failure, STATUS_BAD_REQUEST, "label \"%s\" is unknown.",
                      "a\r\nSet-Cookie: b\x1b[2J\x7f");
    for (const char *at = failure.sentence; *at; at++)
        ck_assert_msg((unsigned char)*at >= 0x20 && *at != 0x7f, "control byte %d in a sentence", *at);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "Set-Cookie"));
}
END_TEST

START_TEST(prefix_keeps_status_and_sentence)
{
    struct failure failure;
    (void)failure_set(&failure, STATUS_NOT_FOUND, "no such tensor.");
    ck_assert_int_eq(failure_prefix(&failure, "head %d", 3), STATUS_NOT_FOUND);
    ck_assert_str_eq(failure.sentence, "head 3: no such tensor.");
    ck_assert_int_eq(failure.status, STATUS_NOT_FOUND);
}
END_TEST

START_TEST(every_status_has_a_name_of_its_own)
{
    for (int i = 0; i < STATUS_COUNT; i++) {
        ck_assert_str_ne(status_name((enum status)i), "?");
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(status_name((enum status)i), status_name((enum status)j));
    }
    ck_assert_str_eq(status_name(STATUS_UNPROCESSABLE), "UNPROCESSABLE");
    ck_assert_str_eq(status_name(STATUS_COUNT), "?");
    ck_assert_int_eq(STATUS_OK, 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("status");
    tcase_add_test(cases, set_fills_and_returns);
    tcase_add_test(cases, long_sentences_are_cut_within_bounds);
    tcase_add_test(cases, cut_falls_between_characters);
    tcase_add_test(cases, sentences_stay_on_one_line);
    tcase_add_test(cases, prefix_keeps_status_and_sentence);
    tcase_add_test(cases, every_status_has_a_name_of_its_own);
    return suite_run("base/status", cases);
}
