#include "api/problem.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(a_problem_has_the_members_of_the_standard)
{
    struct failure failure;
    failure_set(&failure, STATUS_TOO_LARGE, "The body is over 32 MiB.");
    struct json *problem = problem_json(&failure, "id-1");
    char *text = json_print(problem, false);
    ck_assert_str_eq(text, "{\"type\":\"urn:cxrd:problem:too-large\",\"title\":\"Too large\",\"status\":413,"
                           "\"detail\":\"The body is over 32 MiB.\",\"instance\":\"id-1\"}");
    free(text);
    json_destroy(&problem);
}
END_TEST

START_TEST(what_failed_inside_stays_inside)
{
    struct failure failure;
    failure_set(&failure, STATUS_INVALID_FILE, "/srv/model/head.safetensors is corrupt.");
    struct json *problem = problem_json(&failure, "id-1");
    ck_assert_ptr_null(strstr(json_text(json_member(problem, "detail")), "/srv"));
    json_destroy(&problem);
}
END_TEST

START_TEST(codes_are_those_of_the_table)
{
    ck_assert_int_eq(problem_code(STATUS_OK), 200);
    ck_assert_int_eq(problem_code(STATUS_UNPROCESSABLE), 422);
    ck_assert_int_eq(problem_code(STATUS_DEVICE_LOST), 503);
    ck_assert_int_eq(problem_code(STATUS_INTERNAL), 500);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("problem");
    tcase_add_test(cases, a_problem_has_the_members_of_the_standard);
    tcase_add_test(cases, what_failed_inside_stays_inside);
    tcase_add_test(cases, codes_are_those_of_the_table);
    return suite_run("api/problem", cases);
}
