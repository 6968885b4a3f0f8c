#include "api/openapi/openapi.h"
#include "api/problem.h"
#include "engine/base/json.h"
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
    problem_hide(&failure, "id-1");
    ck_assert_str_eq(failure.sentence,
                     "The service failed; its log has the reason under this problem's instance.");
    ck_assert_int_eq(failure.status, STATUS_INVALID_FILE);
    failure_set(&failure, STATUS_NOT_FINITE, "The values are not finite.");
    problem_hide(&failure, "id-1");
    ck_assert_str_eq(failure.sentence, "The values are not finite.");
    failure_set(&failure, STATUS_BUSY, "Try again.");
    problem_hide(&failure, "id-1");
    ck_assert_str_eq(failure.sentence, "Try again.");
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

START_TEST(the_contract_lists_every_type_and_no_other)
{
    struct json *contract = NULL;
    const struct json_limits limits = {.depth = 64, .values = 1 << 20};
    ck_assert(!json_parse(openapi_json(), limits, NULL, &contract));
    const struct json *schemas = json_member(json_member(contract, "components"), "schemas");
    const struct json *type = json_member(json_member(json_member(schemas, "Problem"), "properties"), "type");
    const struct json *listed = json_first(json_member(type, "enum"));
    for (enum status status = STATUS_OK + 1; status < STATUS_COUNT; status++, listed = json_next(listed)) {
        struct failure failure;
        failure_set(&failure, status, "A sentence.");
        struct json *problem = problem_json(&failure, "id-1");
        ck_assert_ptr_nonnull(listed);
        ck_assert_str_eq(json_text(listed), json_text(json_member(problem, "type")));
        json_destroy(&problem);
    }
    ck_assert_ptr_null(listed);
    json_destroy(&contract);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("problem");
    tcase_add_test(cases, a_problem_has_the_members_of_the_standard);
    tcase_add_test(cases, what_failed_inside_stays_inside);
    tcase_add_test(cases, codes_are_those_of_the_table);
    tcase_add_test(cases, the_contract_lists_every_type_and_no_other);
    return suite_run("api/problem", cases);
}
