/* A model without heads: it embeds, and says of everything else how it gets a head. */
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/inference.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void begin(void)
{
    inference_begin();
    service_end(&service);
    service_begin(&service, "headless");
}

static void run(const char *method, const char *target, const char *type, struct bytes body)
{
    call_run(&call, service.api, method, target, type, body);
}

START_TEST(it_embeds_and_is_listed)
{
    run("POST", "/embed", "image/png", png);
    ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
    ck_assert_str_eq(json_names(json_item(json_member(call.json, "embeddings"), 0)), "image,class,mean");
    call_end(&call);
    run("GET", "/models/demo", NULL, (struct bytes){0});
    ck_assert_int_eq(call.response.code, 200);
    ck_assert(json_is_array(json_member(call.json, "heads")));
    ck_assert_uint_eq(json_length(json_member(call.json, "heads")), 0);
    call_end(&call);
    run("GET", "/v2/models/demo", NULL, (struct bytes){0});
    const struct json *outputs = json_member(call.json, "outputs");
    ck_assert_uint_eq(json_length(outputs), 3);
    ck_assert_str_eq(json_text(json_member(json_first(outputs), "name")), "embedding.class");
    call_end(&call);
}
END_TEST

START_TEST(it_predicts_nothing_and_says_how_it_would)
{
    run("POST", "/predict", "image/png", png);
    ck_assert_int_eq(call.response.code, 409);
    ck_assert_str_eq(json_text(json_member(call.json, "type")), "urn:cxrd:problem:no-heads");
    ck_assert_str_eq(
        call_detail(&call),
        "The model 'demo' has no heads: it embeds images and finds nothing in them. Add a head to "
        "its package with: cxrd head add --model DIR --head "
        "name=NAME,kind=findings,weights=FILE.");
    call_end(&call);
    /* Whatever was asked for in particular. */
    call_refused(&call, service.api, "/v1/predict?heads=findings", "image/png", png, 409, "has no heads");
}
END_TEST

START_TEST(inference_gives_its_embeddings_alone)
{
    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"embedding.mean\"}]}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    ck_assert_uint_eq(json_length(json_member(inference_output("embedding.mean"), "data")), FAKE_WIDTH);
    call_end(&call);
    infer(INFER, INPUT("[1]", "[\"%s\"]") "}");
    ck_assert_int_eq(call.response.code, 409);
    ck_assert_ptr_nonnull(strstr(inference_error(), "cxrd head add"));
    call_end(&call);
    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"findings.logits\"}]}");
    ck_assert_int_eq(call.response.code, 409);
    ck_assert_ptr_nonnull(strstr(inference_error(), "has no heads"));
    call_end(&call);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, begin, inference_end);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, it_embeds_and_is_listed);
    tcase_add_test(all, it_predicts_nothing_and_says_how_it_would);
    tcase_add_test(all, inference_gives_its_embeddings_alone);
    return suite_run("no heads", all);
}
