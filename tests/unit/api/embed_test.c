#include "api/base64.h"
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = FAKE_GRID * FAKE_GRID };

static struct service service;
static struct call call;
static struct bytes png;

static void begin(void)
{
    service_begin(&service, NULL);
    png = picture(100, 80);
}

static void end(void)
{
    free((void *)png.data);
    service_end(&service);
}

static const struct json *embedding(size_t number)
{
    return json_item(json_member(call.json, "embeddings"), number);
}

static void run(const char *target, const char *type, struct bytes body)
{
    call_run(&call, service.api, "POST", target, type, body);
}

static void refused(const char *target, const char *type, struct bytes body, int code, const char *words)
{
    call_refused(&call, service.api, target, type, body, code, words);
}

/* Value i of an array of FAKE_WIDTH numbers. */
static double value(const struct json *array, size_t i)
{
    double number = 0;
    ck_assert_uint_eq(json_length(array), FAKE_WIDTH);
    ck_assert(json_number(json_item(array, i), &number));
    return number;
}

START_TEST(class_and_mean_come_by_default)
{
    run("/embed", "image/png", png);
    ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
    ck_assert_str_eq(json_names(call.json), "request_id,model,embeddings,timing_ms");
    ck_assert_str_eq(json_names(json_member(call.json, "model")),
                     "name,version,weights_sha256,package_sha256,intended_use");
    ck_assert_str_eq(json_names(embedding(0)), "image,class,mean");
    ck_assert_str_eq(json_names(json_member(embedding(0), "image")),
                     "id,format,width,height,profile,warnings,region");
    double first = value(json_member(embedding(0), "class"), 0);
    ck_assert(first > 0 && first < 1); /* the mean pixel */
    ck_assert_double_eq_tol(value(json_member(embedding(0), "class"), 7), first + 7, 1e-5);
    ck_assert_double_eq_tol(value(json_member(embedding(0), "mean"), 7), first + 7.5, 1e-5);
    ck_assert_str_eq(call.response.route, "/embed");
    ck_assert_uint_eq(call.response.images, 1);
    ck_assert_double_gt(call.response.timing.inference_ms, 0);
    call_end(&call);
}
END_TEST

START_TEST(patch_tokens_are_floats_in_base64)
{
    run("/v1/embed?tokens=patch,class&model=other", "image/png", png);
    ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
    ck_assert_str_eq(json_text(json_member(json_member(call.json, "model"), "name")), "other");
    ck_assert_str_eq(json_names(embedding(0)), "image,class,patch");
    const struct json *patch = json_member(embedding(0), "patch"), *shape = json_member(patch, "shape");
    ck_assert_str_eq(json_names(patch), "dtype,shape,data");
    ck_assert_str_eq(json_text(json_member(patch, "dtype")), "float32");
    double rows = 0, columns = 0;
    ck_assert(json_number(json_first(shape), &rows) && json_number(json_next(json_first(shape)), &columns));
    ck_assert(json_length(shape) == 2 && rows == CELLS && columns == FAKE_WIDTH);
    const char *text = json_text(json_member(patch, "data"));
    struct bytes data;
    struct failure failure;
    ck_assert(!base64_decode(call.request.arena, text, strlen(text), &failure, &data));
    ck_assert_uint_eq(data.size, CELLS * FAKE_WIDTH * sizeof(float));
    float last;
    memcpy(&last, data.data + data.size - sizeof last, sizeof last);
    double expected = value(json_member(embedding(0), "class"), FAKE_WIDTH - 1) + 100.0 * (CELLS - 1);
    ck_assert_double_eq_tol((double)last, expected, 1e-3);
    call_end(&call);
}
END_TEST

START_TEST(json_and_forms_choose_tokens_too)
{
    char *base64 = base64_encode(png), *json = malloc(2 * strlen(base64) + 200);
    sprintf(json, "{\"images\":[{\"id\":\"a\",\"data\":\"%s\"},{\"data\":\"%.8s\"}],\"tokens\":[\"mean\"]}",
            base64, base64);
    run("/embed", "application/json", (struct bytes){(const uint8_t *)json, strlen(json)});
    ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
    ck_assert_str_eq(json_names(embedding(0)), "image,mean");
    ck_assert_str_eq(json_text(json_member(json_member(embedding(0), "image"), "id")), "a");
    ck_assert_str_eq(json_names(embedding(1)), "image,error"); /* it fails alone */
    ck_assert_uint_eq(call.response.images, 2);
    call_end(&call);
    free(json);
    free(base64);
    const char *head = "--b\r\nContent-Disposition: form-data; name=tokens\r\n\r\nclass\r\n"
                       "--b\r\nContent-Disposition: form-data; name=image\r\n\r\n";
    struct buffer form = {.maximum = 1 << 24};
    buffer_append(&form, head, strlen(head));
    buffer_append(&form, png.data, png.size);
    buffer_append(&form, "\r\n--b--", 7);
    run("/embed", "multipart/form-data; boundary=b", (struct bytes){form.data, form.size});
    ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
    ck_assert_str_eq(json_names(embedding(0)), "image,class");
    call_end(&call);
    buffer_finish(&form);
}
END_TEST

START_TEST(bad_requests_name_what_is_wrong)
{
    refused("/embed?tokens=all", "image/png", png, 400, "'tokens' cannot be 'all'; there are: class, mean");
    refused("/embed?tokens=,", "image/png", png, 400, "'tokens' has no value");
    refused("/embed?tokens=class&tokens=mean", "image/png", png, 400, "given twice");
    refused("/embed?attention=grid", "image/png", png, 400,
            "Unknown option 'attention'; there are: tokens, dicom_profile, identifiers, model.");
    refused("/predict?tokens=class", "image/png", png, 400, "Unknown option 'tokens'; there are: heads");
    refused("/embed?model=x", "image/png", png, 400, "Unknown model 'x'");
    refused("/embed", "text/plain", png, 415, "multipart/form-data");
    refused("/embed", "image/png", (struct bytes){png.data, png.size / 2}, 422, "");
    refused("/embed", "image/png", TEXT("just text"), 415, "PNG");
    call_run(&call, service.api, "GET", "/embed", NULL, (struct bytes){0});
    ck_assert_int_eq(call.response.code, 405);
    call_end(&call);
}
END_TEST

/* The fake model's card, with a network so large that few images' patch tokens fit an answer. */
START_TEST(an_answer_has_its_most_patch_tokens)
{
    struct backbone_card *backbone = (struct backbone_card *)&engine_card(service.engines[0])->backbone;
    const uint32_t sizes[2] = {FAKE_SIDE * 16, FAKE_SIDE * 64}; /* 1 MiB an image; 16 */
    char json[4096];
    for (int i = 0; i < 2; i++) {
        backbone->image_height = backbone->image_width = sizes[i];
        for (int more = 0; more < 2; more++) {
            int count = (i ? 2 : 32) + more, used = snprintf(json, sizeof json, "{\"images\":[");
            for (int image = 0; image < count; image++)
                used +=
                    snprintf(json + used, sizeof json - (size_t)used, "%s{\"data\":\"\"}", image ? "," : "");
            snprintf(json + used, sizeof json - (size_t)used, "],\"tokens\":\"patch\"}");
            struct bytes body = {(const uint8_t *)json, strlen(json)};
            if (more) {
                refused("/embed", "application/json", body, 413,
                        i ? "at most 2 at once" : "at most 32 at once");
                continue;
            }
            run("/embed", "application/json", body);
            ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
            ck_assert_str_eq(json_names(embedding((size_t)count - 1)), "image,error"); /* they are empty */
            call_end(&call);
        }
    }
    backbone->width = 2048;
    refused("/embed?tokens=patch", "image/png", png, 413, "ask for class or mean");
}
END_TEST

START_TEST(trouble_of_the_service_is_told)
{
    struct service troubled;
    service_begin(&troubled, "full");
    call_run(&call, troubled.api, "POST", "/embed", "image/png", png);
    ck_assert_int_eq(call.response.code, 503);
    ck_assert_int_gt(call.response.retry_after_s, 0);
    call_end(&call);
    service_end(&troubled);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("embed");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, class_and_mean_come_by_default);
    tcase_add_test(cases, patch_tokens_are_floats_in_base64);
    tcase_add_test(cases, json_and_forms_choose_tokens_too);
    tcase_add_test(cases, bad_requests_name_what_is_wrong);
    tcase_add_test(cases, an_answer_has_its_most_patch_tokens);
    tcase_add_test(cases, trouble_of_the_service_is_told);
    return suite_run("api/embed", cases);
}
