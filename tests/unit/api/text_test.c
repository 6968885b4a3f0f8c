#include "api/text.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static void begin(void)
{
    arena = arena_create();
}

static void end(void)
{
    arena_destroy(&arena);
}

START_TEST(types_are_compared_without_parameters)
{
    static const char *const same[] = {"text/a", "TEXT/A", "text/a; b=c", "text/a ;b", "text/a;"};
    static const char *const other[] = {"", "text", "text/ab", "text/a,", "text/b", " text/a", "; text/a"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        ck_assert_msg(text_is_type(same[i], "text/a"), "%s", same[i]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        ck_assert_msg(!text_is_type(other[i], "text/a"), "%s", other[i]);
}
END_TEST

START_TEST(escapes_are_decoded)
{
    char *out = NULL;
    ck_assert(!text_percent_decode(arena, "a%20b+c%2fd%C3%B6", 17, false, NULL, &out));
    ck_assert_str_eq(out, "a b+c/dö");
    ck_assert(!text_percent_decode(arena, "a+b", 3, true, NULL, &out));
    ck_assert_str_eq(out, "a b");
}
END_TEST

START_TEST(broken_escapes_are_refused)
{
    static const char *const wrong[] = {"%", "a%2", "%zz", "%00", "%0a", "%ff", "%7f"};
    static const char *const quoted[] = {"has '%' where", "has '%2' where", "has '%zz' where"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *out = NULL;
        struct failure failure = {0};
        ck_assert_int_eq(text_percent_decode(arena, wrong[i], strlen(wrong[i]), false, &failure, &out),
                         STATUS_BAD_REQUEST);
        ck_assert_ptr_null(out);
        if (i < 3)
            ck_assert_ptr_nonnull(strstr(failure.sentence, quoted[i]));
    }
}
END_TEST

START_TEST(quotes_are_short_and_clean)
{
    ck_assert_str_eq(text_quote(arena, "short", 10), "short");
    ck_assert_str_eq(text_quote(arena, "abcdef", 3), "abc...");
    ck_assert_str_eq(text_quote(arena, "aööö", 4), "aö...");
    ck_assert_str_eq(text_quote(arena, "a\xff\nb", 10), "a??b");
    ck_assert_str_eq(text_escape(arena, "a\xff\nb"), "a\\xff\\x0ab");
    ck_assert_str_eq(text_escape(arena, "aö"), "aö");
}
END_TEST

START_TEST(lists_are_split_and_joined)
{
    struct text_list list = text_split(arena, " a, b c ,,d,");
    ck_assert_uint_eq(list.count, 3);
    ck_assert_str_eq(list.items[0], "a");
    ck_assert_str_eq(list.items[1], "b c");
    ck_assert_str_eq(list.items[2], "d");
    ck_assert_uint_eq(text_split(arena, " , ").count, 0);
    ck_assert_str_eq(text_join(arena, list.items, 3, 100), "a, b c, d");
    ck_assert_str_eq(text_join(arena, list.items, 3, 20), "a and 2 more");
    ck_assert_str_eq(text_join(arena, NULL, 0, 20), "none");
}
END_TEST

START_TEST(numbers_are_whole_texts)
{
    double number = 0;
    ck_assert(text_number("0.25", &number) && number == 0.25);
    ck_assert(text_number("-1e-2", &number) && number == -0.01);
    static const char *const wrong[] = {"", " 1", "1 ", "nan", "inf", "0x10", "1e999", "1,5"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!text_number(wrong[i], &number), "%s", wrong[i]);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("text");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, types_are_compared_without_parameters);
    tcase_add_test(cases, escapes_are_decoded);
    tcase_add_test(cases, broken_escapes_are_refused);
    tcase_add_test(cases, quotes_are_short_and_clean);
    tcase_add_test(cases, lists_are_split_and_joined);
    tcase_add_test(cases, numbers_are_whole_texts);
    return suite_run("api/text", cases);
}
