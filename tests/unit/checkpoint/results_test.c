/* The last best classifier of an evaluation's log. */
#include "engine/checkpoint/results.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct failure failure;

static enum status parse(const char *text, char **out)
{
    return results_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &failure, out);
}

START_TEST(the_last_line_that_names_one_counts)
{
    static const char *const texts[] = {
        "{\"best_classifier\": {\"name\": \"b\"}}",
        "ITER: 1\n{\"best_classifier\": {\"name\": \"a\"}}\n\n{\"best_classifier\":{\"name\":\"b\"}}\n\n",
        "{\"best_classifier\": {\"name\": \"b\"}}\r\n{\"other\": 1}\n{\"best_classifier\": {\"name\": \"cut",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *name = NULL;
        ck_assert_int_eq(parse(texts[i], &name), STATUS_OK);
        ck_assert_str_eq(name, "b");
        free(name);
    }
}
END_TEST

START_TEST(no_name_is_an_error)
{
    static const char *const texts[] = {"{}", "{\"best_classifier\": \"b\"}", "text\n[1]\n",
                                        "{\"best_classifier\": {\"name\": 3}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *name = NULL;
        ck_assert_int_eq(parse(texts[i], &name), STATUS_INVALID_FILE);
        ck_assert_str_eq(failure.sentence, "No line is a JSON object with best_classifier.name; choose with "
                                           "candidate=KEY instead.");
        ck_assert_ptr_null(name);
    }
    char *name = NULL;
    ck_assert_int_eq(parse("\n\n", &name), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, "It is empty. Copy or download it again.");
    ck_assert_int_eq(parse("<!doctype html>\n<p>No line is JSON.", &name), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "It is a web page"));
    ck_assert_int_eq(results_read("/nonexistent/results", &failure, &name), STATUS_NOT_FOUND);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, the_last_line_that_names_one_counts);
    tcase_add_test(all, no_name_is_an_error);
    return suite_run("results", all);
}
