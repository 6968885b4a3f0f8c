/* A service whose operator lets neither attention maps nor pictures leave. */
#include "tests/unit/api/inference.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

static void begin(void)
{
    inference_begin();
    api_withhold_pictures(service.api);
}

static const struct json *first(const char *name)
{
    return json_member(json_first(json_member(call.json, "predictions")), name);
}

START_TEST(answers_have_findings_and_no_maps)
{
    static const char *const targets[] = {"/predict", "/predict?attention=none",
                                          "/predict?attention=none&attention_for=all&size=64"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        call_run(&call, service.api, "POST", targets[i], "image/png", png);
        ck_assert_msg(call.response.code == 200, "%s: %s", targets[i], call_detail(&call));
        ck_assert_uint_eq(json_length(first("findings")), 5);
        ck_assert_uint_eq(json_length(first("attention_maps")), 0);
        call_end(&call);
    }
}
END_TEST

START_TEST(who_asks_for_maps_or_pictures_is_told)
{
    static const char *const targets[] = {
        "/predict?attention=grid",         "/predict?attention=png",     "/predict?attention=overlay",
        "/v1/predict?attention_for=all",   "/predict?render=png",        "/predict?attention=none&render=png",
        "/predict?attention_for=positive", "/predict?attention=contour", "/v1/predict?render=png"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        call_run(&call, service.api, "POST", targets[i], "image/png", png);
        ck_assert_msg(call.response.code == 403, "%s", targets[i]);
        ck_assert_str_eq(json_text(json_member(call.json, "type")), "urn:cxrd:problem:switched-off");
        ck_assert_str_eq(json_text(json_member(call.json, "title")), "Switched off");
        ck_assert_ptr_nonnull(
            strstr(call_detail(&call), "maps and pictures are switched off at this service"));
        call_end(&call);
    }
    /* What is wrong with a request comes first. */
    call_refused(&call, service.api, "/predict?attention=heat", "image/png", png, 400, "cannot be 'heat'");
}
END_TEST

START_TEST(tensors_of_maps_are_neither_described_nor_given)
{
    call_run(&call, service.api, "GET", "/v2/models/demo", NULL, (struct bytes){0});
    ck_assert_ptr_nonnull(inference_output("findings.logits"));
    ck_assert_ptr_null(inference_output("findings.attention"));
    ck_assert_ptr_nonnull(inference_output("embedding.patch"));
    call_end(&call);
    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"findings.logits\"},"
                                          "{\"name\":\"findings.attention\"}]}");
    ck_assert_int_eq(call.response.code, 403);
    ck_assert_ptr_nonnull(strstr(inference_error(), "switched off at this service"));
    call_end(&call);
    infer(INFER, INPUT("[1]", "[\"%s\"]") "}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    call_end(&call);
}
END_TEST

static bool models_say(void)
{
    bool attention = false;
    call_run(&call, service.api, "GET", "/models", NULL, (struct bytes){0});
    ck_assert(json_boolean(json_member(call.json, "attention"), &attention));
    call_end(&call);
    return attention;
}

START_TEST(the_list_of_models_says_it_before)
{
    ck_assert(!models_say());
    service_end(&service);
    service_begin(&service, NULL);
    ck_assert(models_say());
    call_run(&call, service.api, "GET", "/v2/models/demo", NULL, (struct bytes){0});
    ck_assert_ptr_nonnull(inference_output("findings.attention"));
    call_end(&call);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("withheld");
    tcase_add_checked_fixture(cases, begin, inference_end);
    tcase_add_test(cases, answers_have_findings_and_no_maps);
    tcase_add_test(cases, who_asks_for_maps_or_pictures_is_told);
    tcase_add_test(cases, tensors_of_maps_are_neither_described_nor_given);
    tcase_add_test(cases, the_list_of_models_says_it_before);
    return suite_run("api/withheld", cases);
}
