/* Which bytes are a character that may be shown. */
#include "engine/base/utf8.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

static const struct {
    const char *text;
    bool plain;
} cases[] = {
    {"", true},
    {"Pleural Effusion", true},
    {"\xc3\x89panchement", true},
    {"\xe2\x89\xa5 0.5", true},
    {"\xf0\x9f\xa9\xbb", true},
    {"\xed\x9f\xbf", true}, /* the last before the surrogates */
    {"a\nb", false},
    {"a\x1b[2J", false},
    {"\x7f", false},
    {"\xc2\x85", false},       /* a control character of C1 */
    {"\xe9panchement", false}, /* Latin-1 */
    {"\xc0\xaf", false},       /* overlong */
    {"\xe0\x80\x80", false},
    {"\x80", false},
    {"\xed\xa0\x80", false},     /* a surrogate */
    {"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
    {"cut off \xe2\x89", false},
    {"\xc2\x9b"
     "2J",
     false}, /* CSI of C1 */
    {"\xc2\xa0", true},
    {"\xe2\x80\xae", false}, /* U+202E, right-to-left override */
    {"\xe2\x80\xaa", false},
    {"\xe2\x80\xaf", true},  /* U+202F, a narrow space */
    {"\xe2\x80\x8e", false}, /* U+200E, U+200F: marks */
    {"\xe2\x80\x8f", false},
    {"\xe2\x80\x8d", true},
    {"\xe2\x81\xa5", true},
    {"\xe2\x81\xa6", false}, /* U+2066 to U+2069: isolates */
    {"\xe2\x81\xa9", false},
    {"\xe2\x81\xaa", true},
    {"\xd8\x9c", false},                        /* U+061C, Arabic letter mark */
    {"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", true}, /* Hebrew as such */
};

START_TEST(tells_plain_text)
{
    ck_assert_int_eq(utf8_is_plain(cases[_i].text, strlen(cases[_i].text)), cases[_i].plain);
    ck_assert(!utf8_is_plain("a\0b", 3));
}
END_TEST

START_TEST(measures_characters)
{
    ck_assert_uint_eq(utf8_character("a", 1), 1);
    ck_assert_uint_eq(utf8_character("\xc3\x89", 2), 2);
    ck_assert_uint_eq(utf8_character("\xc3\x89", 1), 0);
    ck_assert_uint_eq(utf8_character("\xf0\x9f\xa9\xbb", 4), 4);
}
END_TEST

START_TEST(what_is_quoted_is_escaped)
{
    static const char *const quotes[][2] = {
        {"Herz \xc3\x89 \xe2\x82\xac", "Herz \xc3\x89 \xe2\x82\xac"},
        {"two\nlines\tand\x7f", "two\\x0alines\\x09and\\x7f"},
        {"'\xe2\x82' in the middle",
         "'\\xe2\\x82' in the middle"}, /* as a cut in characters' midst leaves it */
        {"\xc2\x9b"
         "2J",
         "\\xc2\\x9b2J"},
        {"a\xe2\x80\xae"
         "b",
         "a\\xe2\\x80\\xaeb"},
        {"", ""},
    };
    char text[64];
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        utf8_escape(quotes[i][0], text, sizeof text);
        ck_assert_str_eq(text, quotes[i][1]);
        ck_assert(utf8_is_plain(text, strlen(text)));
        ck_assert_uint_lt(strlen(text), utf8_escape_room(strlen(quotes[i][0])));
        utf8_escape(quotes[i][1], text, sizeof text); /* it stays as it is */
        ck_assert_str_eq(text, quotes[i][1]);
    }
}
END_TEST

START_TEST(a_cut_lies_between_characters)
{
    static const struct {
        const char *text;
        size_t room;
        const char *out;
    } cuts[] = {{"abc", 4, "abc"},     {"abc", 3, "ab"},      {"abc", 1, ""},  {"a\xc3\x89", 4, "a\xc3\x89"},
                {"a\xc3\x89", 3, "a"}, {"a\nb", 6, "a\\x0a"}, {"a\nb", 5, "a"}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        char text[16] = "???????????????";
        utf8_escape(cuts[i].text, text, cuts[i].room);
        ck_assert_str_eq(text, cuts[i].out);
    }
}
END_TEST

START_TEST(names_that_look_alike_fold_to_one)
{
    static const char *const alike[][2] = {{"Pleural Effusion", "pleural effusion"},
                                           {"Pleural Effusion", "Pleural\xc2\xa0"
                                                                "Effusion"},
                                           {"Pleural Effusion", " Pleural \xe2\x80\x89 Effusion\xe3\x80\x80"},
                                           {"Pleural Effusion", "Pleu\xe2\x80\x8bral\xef\xbb\xbf Eff\xc2\xad"
                                                                "usion"},
                                           {"", "\xc2\xa0 "}};
    static const char *const other[][2] = {{"Grade 11", "Grade 1 1"}, {"\xc3\x89", "\xc3\xa9"}, {"a", "b"}};
    char first[64], second[64];
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
        utf8_fold(alike[i][0], first);
        utf8_fold(alike[i][1], second);
        ck_assert_str_eq(first, second);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        utf8_fold(other[i][0], first);
        utf8_fold(other[i][1], second);
        ck_assert_str_ne(first, second);
    }
    ck_assert(utf8_has_mark("e\xcc\x81panchement"));
    ck_assert(!utf8_has_mark("\xc3\xa9panchement") && !utf8_has_mark(""));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, tells_plain_text, 0, sizeof cases / sizeof *cases);
    tcase_add_test(all, what_is_quoted_is_escaped);
    tcase_add_test(all, a_cut_lies_between_characters);
    tcase_add_test(all, names_that_look_alike_fold_to_one);
    tcase_add_test(all, measures_characters);
    return suite_run("base/utf8", all);
}
