#include "api/trace.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ID     "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

START_TEST(a_valid_parent_is_continued)
{
    static const struct {
        const char *text;
        bool sampled;
    } valid[] = {{"00-" ID "-" PARENT "-01", true},
                 {"00-" ID "-" PARENT "-00", false},
                 {"00-" ID "-" PARENT "-ff", true},
                 {"cc-" ID "-" PARENT "-01", true},
                 {"01-" ID "-" PARENT "-03-what-the-future-brings", true}};
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        struct trace trace;
        char out[TRACE_PARENT_BYTES], expected[TRACE_PARENT_BYTES + 8];
        trace_init(&trace, valid[i].text);
        ck_assert_str_eq(trace.id, ID);
        ck_assert_str_eq(trace.parent, PARENT);
        ck_assert_str_ne(trace.span, PARENT);
        ck_assert_uint_eq(strlen(trace.span), TRACE_SPAN_DIGITS);
        trace_print(&trace, out);
        strcpy(expected, "00-" ID "-");
        strcat(strcat(expected, trace.span), valid[i].sampled ? "-01" : "-00");
        ck_assert_str_eq(out, expected);
    }
}
END_TEST

START_TEST(anything_else_begins_a_new_trace)
{
    static const char *const invalid[] = {
        NULL,
        "",
        "00",
        "00-" ID "-" PARENT,
        "00-" ID "-" PARENT "-",
        "00-" ID "-" PARENT "-0",
        "00-" ID "-" PARENT "-0g",
        "00-" ID "-" PARENT "-011",
        "00-" ID "-" PARENT "-01-more",
        "01-" ID "-" PARENT "-01.more",
        "ff-" ID "-" PARENT "-01",
        "0-" ID "-" PARENT "-01",
        "0g-" ID "-" PARENT "-01",
        " 00-" ID "-" PARENT "-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" ID "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-" ID "-00F067AA0BA902B7-01",
        "00-" ID "0-" PARENT "-01",
        "00_" ID "-" PARENT "-01",
        "00-" ID "\"" PARENT "-01",
    };
    char before[TRACE_ID_DIGITS + 1] = "";
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        struct trace trace;
        trace_init(&trace, invalid[i]);
        ck_assert_str_ne(trace.id, ID);
        ck_assert_str_ne(trace.id, before);
        ck_assert_uint_eq(strspn(trace.id, "0123456789abcdef"), TRACE_ID_DIGITS);
        ck_assert_str_eq(trace.parent, "");
        ck_assert(!trace.sampled);
        strcpy(before, trace.id);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("trace");
    tcase_add_test(cases, a_valid_parent_is_continued);
    tcase_add_test(cases, anything_else_begins_a_new_trace);
    return suite_run("api/trace", cases);
}
