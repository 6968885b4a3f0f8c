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

START_TEST(what_is_quoted_is_made_plain)
{
    static const char *const quotes[][2] = {
        {"Herz \xc3\x89 \xe2\x82\xac", "Herz \xc3\x89 \xe2\x82\xac"},
        {"two\nlines\tand\x7f", "two lines and "},
        {"'\xe2\x82' in the middle", "'?\?' in the middle"}, /* as a cut in characters' midst leaves it */
        {"at the end \xe2\x82", "at the end "},
        {"at the end \xf0\x9f\x98", "at the end "},
        {"\xff\xc0 \x80", "?\? ?"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        char text[64];
        strcpy(text, quotes[i][0]);
        utf8_make_plain(text);
        ck_assert_str_eq(text, quotes[i][1]);
        ck_assert(utf8_is_plain(text, strlen(text)));
    }
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, tells_plain_text, 0, sizeof cases / sizeof *cases);
    tcase_add_test(all, what_is_quoted_is_made_plain);
    tcase_add_test(all, measures_characters);
    return suite_run("base/utf8", all);
}
