#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/inference.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(named_or_not_the_outputs_are_those_of_a_prediction)
{
    infer(INFER, INPUT("[2,1]", "[[\"%s\"],[\"%s\"]]") ",\"id\":\"42\"}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    ck_assert_str_eq(json_text(json_member(call.json, "model_name")), "demo");
    ck_assert_str_eq(json_text(json_member(call.json, "model_version")), "1.2.3");
    ck_assert_str_eq(json_text(json_member(call.json, "id")), "42");
    ck_assert_uint_eq(json_length(json_member(call.json, "outputs")), 6); /* no attention: nobody named it */
    const struct json *data = json_member(inference_output("findings.logits"), "data");
    ck_assert_uint_eq(json_length(data), 8);
    double first = json_value(json_first(data));
    ck_assert_double_eq_tol(json_value(json_next(json_first(data))), first + 1.5, 1e-6); /* Edema: 0.5 more */
    const struct json *shape = json_member(inference_output("findings.logits"), "shape");
    ck_assert_double_eq(json_value(json_first(shape)), 2);
    ck_assert_double_eq(json_value(json_next(json_first(shape))), 4);
    ck_assert_str_eq(json_text(json_member(inference_output("cardiac.probabilities"), "datatype")), "FP32");
    ck_assert_uint_eq(call.response.images, 2);
    call_end(&call);

    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"cardiac.attention\"}]}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    ck_assert_uint_eq(json_length(json_member(call.json, "outputs")), 1);
    ck_assert_uint_eq(json_length(json_member(inference_output("cardiac.attention"), "shape")), 4);
    double sum = 0;
    for (const struct json *at = json_first(json_member(inference_output("cardiac.attention"), "data")); at;
         at = json_next(at))
        sum += json_value(at);
    ck_assert_double_eq_tol(sum, 1, 1e-6);
    ck_assert_ptr_null(json_member(call.json, "id"));
    call_end(&call);
}
END_TEST

START_TEST(embeddings_come_when_they_are_named)
{
    infer(INFER, INPUT("[2]", "[\"%s\",\"%s\"]") ",\"outputs\":[{\"name\":\"embedding.mean\"},"
                                                 "{\"name\":\"embedding.class\"}]}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    const struct json *data = json_member(inference_output("embedding.class"), "data");
    ck_assert_uint_eq(json_length(data), 2 * FAKE_WIDTH);
    ck_assert_double_eq_tol(json_value(json_first(json_member(inference_output("embedding.mean"), "data"))),
                            json_value(json_first(data)) + 0.5, 1e-5);
    call_end(&call);
    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"embedding.patch\"}]}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    const struct json *shape = json_member(inference_output("embedding.patch"), "shape");
    ck_assert_uint_eq(json_length(shape), 3);
    ck_assert_double_eq(json_value(json_next(json_first(shape))), FAKE_GRID * FAKE_GRID);
    data = json_member(inference_output("embedding.patch"), "data");
    ck_assert_uint_eq(json_length(data), FAKE_GRID * FAKE_GRID * FAKE_WIDTH);
    call_end(&call);
}
END_TEST

START_TEST(tensors_go_and_come_behind_the_json)
{
    struct buffer tensor = elements(2);
    char json[512];
    snprintf(json, sizeof json,
             BINARY_INPUT ",\"outputs\":[{\"name\":\"extra.logits\",\"parameters\":{\"binary_data\":true}},"
                          "{\"name\":\"extra.probabilities\"},"
                          "{\"name\":\"findings.logits\",\"parameters\":{\"binary_data\":true}}]}",
             tensor.size);
    infer_binary(json, (struct bytes){tensor.data, tensor.size}, NULL);
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(call.response.content_type, "application/octet-stream");
    size_t header = strtoul(call_header(&call, "Inference-Header-Content-Length"), NULL, 10);
    ck_assert_uint_eq(call.response.body.size, header + 2 * 4 + 2 * 4 * 4);
    struct failure failure;
    ck_assert(!json_parse((struct bytes){call.response.body.data, header}, (struct json_limits){16, 1 << 20},
                          &failure, &call.json));
    ck_assert_double_eq(json_value(json_member(json_member(inference_output("findings.logits"), "parameters"),
                                               "binary_data_size")),
                        32);
    ck_assert_ptr_null(json_member(inference_output("findings.logits"), "data"));
    float logits[10];
    memcpy(logits, call.response.body.data + header, sizeof logits);
    double shown = json_value(json_first(json_member(inference_output("extra.probabilities"), "data")));
    ck_assert_double_eq_tol(shown, 1 / (1 + exp(-(2 * (double)logits[0] + 1))), 1e-6); /* calibrated */
    ck_assert_float_eq(logits[0], logits[1]);
    ck_assert_float_eq(logits[2], logits[6]);
    call_end(&call);

    snprintf(json, sizeof json, BINARY_INPUT ",\"parameters\":{\"binary_data_output\":true}}", tensor.size);
    infer_binary(json, (struct bytes){tensor.data, tensor.size}, NULL);
    ck_assert_int_eq(call.response.code, 200);
    header = strtoul(call_header(&call, "Inference-Header-Content-Length"), NULL, 10);
    ck_assert_uint_eq(call.response.body.size, header + (size_t)2 * 2 * 6 * 4); /* six labels, twice */
    call_end(&call);
    buffer_finish(&tensor);
}
END_TEST

static void binary_refused(const char *json, struct bytes behind, const char *told, const char *words)
{
    infer_binary(json, behind, told);
    ck_assert_msg(call.response.code == 400 && strstr(inference_error(), words), "%s: %d %s", json,
                  call.response.code, inference_error());
    call_end(&call);
}

START_TEST(binary_sizes_must_agree)
{
    struct buffer tensor = elements(2);
    struct bytes all = {tensor.data, tensor.size}, cut = {tensor.data, tensor.size - 1};
    char right[512], short_by_one[512], one_more[512], whole[32];
    snprintf(right, sizeof right, BINARY_INPUT "}", tensor.size);
    snprintf(short_by_one, sizeof short_by_one, BINARY_INPUT "}", tensor.size - 1);
    snprintf(one_more, sizeof one_more, BINARY_INPUT "}", tensor.size + 1);
    static const char *const lengths[] = {"", "-1", "+5", "1x", "99999999", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        binary_refused(right, all, lengths[i], "Inference-Header-Content-Length must be");
    binary_refused(right, all, "1x", "bytes, not '1x'.");
    snprintf(whole, sizeof whole, "%zu", strlen(right) + all.size);
    binary_refused(right, all, whole, "Inference-Header-Content-Length must be the size of the JSON.");
    binary_refused(right, all, "5", "JSON");
    binary_refused(right, cut, NULL, "exactly the bytes behind");
    binary_refused(short_by_one, all, NULL, "exactly the bytes behind");
    binary_refused(one_more, all, NULL, "exactly the bytes behind");
    binary_refused(short_by_one, cut, NULL, "longer than the tensor");
    binary_refused(
        "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[2],\"data\":[\"\",\"\"]}]}", all,
        NULL, "either \"data\" or");
    struct buffer three = elements(3);
    snprintf(right, sizeof right, BINARY_INPUT "}", three.size);
    binary_refused(right, (struct bytes){three.data, three.size}, NULL, "more or fewer elements");
    buffer_finish(&three);
    buffer_finish(&tensor);
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
    static const struct {
        const char *target, *body, *words;
        int code;
    } wrong[] = {
        {INFER, "[]", "JSON object", 400},
        {INFER, "{", "JSON", 400},
        {INFER, "{}", "\"inputs\" must be one tensor", 400},
        {INFER, "{\"inputs\":[]}", "\"inputs\" must be one tensor", 400},
        {INFER, "{\"inputs\":[{\"name\":\"picture\"}]}", "named \"image\"", 400},
        {INFER, "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"FP32\"}]}", "datatype BYTES", 400},
        {INFER, INPUT("[]", "[]") "}", "shape [n]", 400},
        {INFER, INPUT("[0]", "[]") "}", "shape [n]", 400},
        {INFER, INPUT("[1,2]", "[\"%s\",\"%s\"]") "}", "shape [n]", 400},
        {INFER, INPUT("[1.5]", "[\"%s\"]") "}", "shape [n]", 400},
        {INFER, INPUT("[65]", "[\"%s\"]") "}", "more than 64 images", 413},
        {INFER, INPUT("[2]", "[\"%s\"]") "}", "fewer elements", 400},
        {INFER, INPUT("[1]", "[\"%s\",\"%s\"]") "}", "more elements", 400},
        {INFER, INPUT("[1]", "[1]") "}", "base64", 400},
        {INFER, INPUT("[1]", "[\"%s\"],\"data\":[\"%s\"]") "}", "each member once", 400},
        {INFER, INPUT("[1]", "[\"?\"]") "}", "Element 0", 400},
        {INFER, INPUT("[1]", "\"%s\"") "}", "must have either", 400},
        {INFER, INPUT("[1]", "[\"\"]") "}", "empty", 422},
        {INFER, INPUT("[2]", "[\"%s\",\"AAAA\"]") "}", "Image 1: ", 415},
        {INFER, INPUT("[4]", "[\"%s\",\"\",\"%s\",\"AAAA\"]") "}", "Images 1, 3 fail. Image 1: The", 422},
        {INFER, INPUT("[1]", "[\"UklGRgABAABXRUJQVlA4IA==\"]") "}", "The file is a WebP image", 415},
        {INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"x.logits\"}]}",
         "Unknown output 'x.logits'", 400},
        {INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"extra.attention\"}]}", "Unknown output",
         400},
        {INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[]}", "1 to 256", 400},
        {INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{}]}", "\"name\"", 400},
        {INFER,
         INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"extra.logits\"},{\"name\":\"extra.logits\"}]}",
         "asked for twice", 400},
        {INFER, INPUT("[1]", "[\"%s\"]") ",\"parameters\":{\"binary_data_output\":1}}", "true or false", 400},
        {INFER, INPUT("[1]", "[\"%s\"]") ",\"id\":5}", "\"id\"", 400},
        {INFER, INPUT("[1]", "[\"%s\"]") ",\"id\":\"a\\u0000\"}", "NUL", 400},
        {INFER,
         INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"cardiac.attention\",\"parameters\":"
                                  "{\"classification\":1}}]}",
         "has no classes", 400},
        {INFER,
         INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"cardiac.logits\",\"parameters\":"
                                  "{\"classification\":-1}}]}",
         "whole number", 400},
        {"/%762/models/demo/infer", "[]", "JSON object", 400},
        {INFER, INPUT("[1]", "[\"%s\"]") ",\"inputs\":[]}", "each member once", 400},
        {"/v2/models/none/infer", INPUT("[1]", "[\"%s\"]") "}", "Unknown model 'none'", 404},
        {"/v2/models/demo/versions/9/infer", INPUT("[1]", "[\"%s\"]") "}", "has the version '1.2.3', not '9'",
         404},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        infer(wrong[i].target, wrong[i].body);
        ck_assert_msg(call.response.code == wrong[i].code && strstr(inference_error(), wrong[i].words),
                      "%s: %d %s", wrong[i].body, call.response.code, inference_error());
        ck_assert_str_eq(call.response.content_type, "application/json");
        ck_assert_uint_eq(json_length(call.json), 1);
        if (strstr(wrong[i].words, "Images 1, 3 fail"))
            ck_assert_uint_eq(call.response.images_failed, 2);
        call_end(&call);
    }
}
END_TEST

START_TEST(kinds_of_bodies_are_checked_before_they_are_read)
{
    const struct api_header packed[] = {{"Content-Type", "application/json"}, {"Content-Encoding", "br"}};
    call_run_headers(&call, service.api, "POST", INFER, packed, 2, TEXT("x"));
    ck_assert_int_eq(call.response.code, 415);
    ck_assert_ptr_nonnull(strstr(inference_error(), "The Content-Encoding 'br' is not taken;"));
    call_end(&call);
    call_run(&call, service.api, "POST", INFER, "image/png", png);
    ck_assert_int_eq(call.response.code, 415);
    call_end(&call);
    call_run(&call, service.api, "POST", INFER, NULL, TEXT("{}")); /* as some clients send it */
    ck_assert_int_eq(call.response.code, 400);
    call_end(&call);
}
END_TEST

static void get(const char *target, int code)
{
    call_run(&call, service.api, "GET", target, NULL, (struct bytes){0});
    ck_assert_msg(call.response.code == code, "%s: %d", target, call.response.code);
}

START_TEST(metadata_names_what_goes_in_and_out)
{
    get("/v2", 200);
    ck_assert_str_eq(json_text(json_member(call.json, "name")), "cxrd");
    ck_assert_str_eq(json_text(json_first(json_member(call.json, "extensions"))), "binary_tensor_data");
    call_end(&call);
    get("/v2/models/demo/versions/1.2.3", 200);
    ck_assert_str_eq(json_text(json_first(json_member(call.json, "versions"))), "1.2.3");
    ck_assert_int_eq(json_text(json_member(json_member(call.json, "properties"), "package_sha256"))[63], 'b');
    ck_assert_str_eq(json_text(json_member(json_first(json_member(call.json, "inputs")), "datatype")),
                     "BYTES");
    ck_assert_uint_eq(json_length(json_member(call.json, "outputs")), 11);
    const struct json *shape = json_member(inference_output("findings.attention"), "shape");
    static const double expected[] = {-1, 4, 4, 4};
    const struct json *at = json_first(shape);
    for (int i = 0; i < 4; i++, at = json_next(at))
        ck_assert_double_eq(json_value(at), expected[i]);
    at = json_first(json_member(inference_output("embedding.mean"), "shape"));
    ck_assert(json_value(at) == -1 && json_value(json_next(at)) == FAKE_WIDTH);
    call_end(&call);
    static const char *const found[] = {"/v2/health/live", "/v2/health/ready", "/v2/models/other/ready",
                                        "/v2/models/demo/versions/1.2.3/ready", "/v2/models/d%65mo"};
    static const char *const missing[] = {"/v2/",
                                          "/v2/models",
                                          "/v2/models/",
                                          "/v2/models/none",
                                          "/v2/models/demo/",
                                          "/v2/models//ready",
                                          "/v2/models/demo/versions/9",
                                          "/v2/models/none/ready",
                                          "/v2/models/demo/versions/1.2.3/ready/x",
                                          "/v2x"};
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        get(found[i], 200);
        call_end(&call);
    }
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        get(missing[i], 404);
        ck_assert_msg(!!*inference_error() == (missing[i][3] != 'x'), "%s", missing[i]);
        call_end(&call);
    }
}
END_TEST

START_TEST(a_service_that_is_not_ready_says_so)
{
    struct api *starting = api_create();
    static const char *const waiting[] = {"/v2/health/ready", "/v2/models/demo", "/v2/models/demo/ready"};
    for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++) {
        call_run(&call, starting, "GET", waiting[i], NULL, (struct bytes){0});
        ck_assert_int_eq(call.response.code, 503);
        ck_assert_ptr_nonnull(strstr(inference_error(), "being loaded"));
        call_end(&call);
    }
    call_run(&call, starting, "GET", "/v2/health/live", NULL, (struct bytes){0});
    ck_assert_int_eq(call.response.code, 200);
    call_end(&call);
    api_destroy(&starting);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("infer");
    tcase_add_checked_fixture(cases, inference_begin, inference_end);
    tcase_add_test(cases, named_or_not_the_outputs_are_those_of_a_prediction);
    tcase_add_test(cases, embeddings_come_when_they_are_named);
    tcase_add_test(cases, tensors_go_and_come_behind_the_json);
    tcase_add_test(cases, binary_sizes_must_agree);
    tcase_add_test(cases, what_is_wrong_is_named);
    tcase_add_test(cases, kinds_of_bodies_are_checked_before_they_are_read);
    tcase_add_test(cases, metadata_names_what_goes_in_and_out);
    tcase_add_test(cases, a_service_that_is_not_ready_says_so);
    return suite_run("api/infer", cases);
}
