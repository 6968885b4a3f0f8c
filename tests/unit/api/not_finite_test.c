/* Images that fail inside the service: each alone, on every route. */
#include "api/base64.h"
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES = 1 << 20, PATCH_PLACE = FAKE_NOT_FINITE_PLACES - 1 };

static struct service service;
static struct call call;
static char *good, *spoiled[FAKE_NOT_FINITE_PLACES]; /* images in base64 */
static char body[BODY_BYTES];

static char *picture_text(uint32_t width, uint32_t height)
{
    struct bytes png = picture(width, height);
    char *text = base64_encode(png);
    free((void *)png.data);
    return text;
}

static void begin(void)
{
    service_begin(&service, NULL);
    good = picture_text(100, 80);
    for (uint32_t place = 0; place < FAKE_NOT_FINITE_PLACES; place++)
        spoiled[place] = picture_text(FAKE_NOT_FINITE_WIDTH, FAKE_NOT_FINITE_HEIGHT + place);
}

static void end(void)
{
    for (uint32_t place = 0; place < FAKE_NOT_FINITE_PLACES; place++)
        free(spoiled[place]);
    free(good);
    service_end(&service);
}

/* Posts a format of two %s, which stand for the two images. */
static void run(const char *target, const char *format, const char *first, const char *second)
{
    int size = snprintf(body, sizeof body, format, first, second);
    ck_assert(size > 0 && size < BODY_BYTES);
    call_run(&call, service.api, "POST", target, "application/json",
             (struct bytes){(const uint8_t *)body, (size_t)size});
}

#define TWO_IMAGES "{\"images\":[{\"id\":\"a\",\"data\":\"%s\"},{\"id\":\"b\",\"data\":\"%s\"}]}"
#define ONE_IMAGE  "{\"images\":[{\"id\":\"a%s\",\"data\":\"%s\"}]}"

static void is_not_finite(const struct json *problem)
{
    double status = 0;
    ck_assert_str_eq(json_text(json_member(problem, "type")), "urn:cxrd:problem:not-finite");
    ck_assert(json_number(json_member(problem, "status"), &status) && status == 500);
    ck_assert_ptr_nonnull(strstr(json_text(json_member(problem, "detail")), "not finite"));
    ck_assert_ptr_nonnull(strstr(json_text(json_member(problem, "detail")), "demo 1.2.3"));
}

/* The first of two results is whole, the second an error. */
static void fails_alone(const char *results, const char *whole)
{
    ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
    const struct json *list = json_member(call.json, results);
    ck_assert_str_eq(json_names(json_item(list, 0)), whole);
    ck_assert_str_eq(json_names(json_item(list, 1)), "image,error");
    ck_assert_str_eq(json_names(json_member(json_item(list, 1), "image")), "id,format,width,height");
    is_not_finite(json_member(json_item(list, 1), "error"));
    call_end(&call);
}

START_TEST(an_image_fails_alone_whatever_is_not_finite)
{
    if (_i != PATCH_PLACE) {
        run("/predict", TWO_IMAGES, good, spoiled[_i]);
        fails_alone("predictions", "image,input_quality,findings,risk_scores,attention_maps");
    }
    run("/predict?attention=overlay&heads=findings", TWO_IMAGES, good, spoiled[_i == PATCH_PLACE ? 0 : _i]);
    fails_alone("predictions", "image,input_quality,findings,risk_scores,attention_maps");
    run("/embed?tokens=class,patch", TWO_IMAGES, good, spoiled[_i]);
    fails_alone("embeddings", "image,class,patch");
}
END_TEST

START_TEST(a_requests_only_image_answers_for_it)
{
    run("/v1/predict", ONE_IMAGE, "", spoiled[0]);
    ck_assert_int_eq(call.response.code, 500);
    ck_assert_str_eq(call.response.content_type, "application/problem+json");
    is_not_finite(call.json);
    call_end(&call);
    run("/v1/predict", ONE_IMAGE, "", spoiled[PATCH_PLACE]);
    ck_assert_int_eq(call.response.code, 200); /* nobody asked for its patch tokens */
    call_end(&call);
}
END_TEST

/* Tensors have no place for errors: the request fails and names the image. */
START_TEST(an_inference_names_the_image)
{
    run("/v2/models/demo/infer",
        "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[2],\"data\":[\"%s\",\"%s\"]}],"
        "\"outputs\":[{\"name\":\"embedding.patch\"}]}",
        good, spoiled[_i]);
    ck_assert_int_eq(call.response.code, 500);
    const char *error = json_text(json_member(call.json, "error"));
    ck_assert_msg(strstr(error, "Image 1: ") && strstr(error, "not finite"), "%s", error);
    call_end(&call);
}
END_TEST

START_TEST(images_that_fail_so_are_counted)
{
    for (uint32_t place = 0; place < 3; place++) {
        run("/predict", TWO_IMAGES, spoiled[place], spoiled[place]);
        call_end(&call);
    }
    call_run(&call, service.api, "GET", "/metrics", NULL, (struct bytes){0});
    static const char line[] = "\ncxr_not_finite_total 6\n";
    ck_assert_ptr_nonnull(memmem(call.response.body.data, call.response.body.size, line, sizeof line - 1));
    call_end(&call);
}
END_TEST

/* Only the log has the reason, which is about the service. */
START_TEST(a_fault_within_is_not_told)
{
    static const char told[] = "The service failed; its log has the reason under this problem's instance.";
    static const char *const routes[][2] = {{"/predict", "predictions"}, {"/embed", "embeddings"}};
    char *fault = picture_text(FAKE_FAULT_WIDTH, 80);
    for (int i = 0; i < 2; i++) {
        run(routes[i][0], TWO_IMAGES, good, fault);
        ck_assert_int_eq(call.response.code, 200);
        const struct json *failed = json_item(json_member(call.json, routes[i][1]), 1);
        ck_assert_str_eq(json_text(json_member(json_member(failed, "error"), "detail")), told);
        call_end(&call);
        run(routes[i][0], ONE_IMAGE, "", fault);
        ck_assert_int_eq(call.response.code, 500);
        ck_assert_str_eq(json_text(json_member(call.json, "detail")), told);
        call_end(&call);
    }
    run("/v2/models/demo/infer",
        "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[2],\"data\":[\"%s\",\"%s\"]}]}",
        good, fault);
    ck_assert_int_eq(call.response.code, 500);
    ck_assert_str_eq(json_text(json_member(call.json, "error")), told);
    call_end(&call);
    free(fault);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("not_finite");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_loop_test(cases, an_image_fails_alone_whatever_is_not_finite, 0, FAKE_NOT_FINITE_PLACES);
    tcase_add_test(cases, a_requests_only_image_answers_for_it);
    tcase_add_loop_test(cases, an_inference_names_the_image, 0, FAKE_NOT_FINITE_PLACES);
    tcase_add_test(cases, images_that_fail_so_are_counted);
    tcase_add_test(cases, a_fault_within_is_not_told);
    return suite_run("api/not_finite", cases);
}
