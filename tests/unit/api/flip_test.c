/* The option `flip`: in every form of a request, and in its answer. */
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/inference.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM "multipart/form-data; boundary=b"

static const struct json *prediction(void)
{
    return json_first(json_member(call.json, "predictions"));
}

/* The value of one cell of a label's map. */
static double cell(size_t map, size_t number)
{
    const struct json *object = json_item(json_member(prediction(), "attention_maps"), map);
    return json_value(json_item(json_member(object, "values"), number));
}

/* The picture in a form with the field; the caller finishes the buffer. */
static struct buffer form(const char *field)
{
    static const char head[] = "--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n";
    struct buffer buffer = {.maximum = 1 << 20};
    char text[256];
    snprintf(text, sizeof text,
             "\r\n--b\r\nContent-Disposition: form-data; name=\"flip\"\r\n\r\n%s\r\n--b--\r\n", field);
    buffer_append(&buffer, head, strlen(head));
    buffer_append(&buffer, png.data, png.size);
    buffer_append(&buffer, text, strlen(text));
    return buffer;
}

/* Label i's map peaks in cell i of the first row, and with flip as much at the row's other end. */
static void check_flipped(const char *target, const char *type, struct bytes body)
{
    bool flip = false;
    call_run(&call, service.api, "POST", target, type, body);
    ck_assert_msg(call.response.code == 200, "%s: %s", target, call_detail(&call));
    ck_assert_str_eq(json_names(prediction()),
                     "image,flip,input_quality,findings,risk_scores,attention_maps");
    ck_assert(json_boolean(json_member(prediction(), "flip"), &flip) && flip);
    for (size_t map = 0; map < FAKE_GRID; map++) {
        ck_assert_double_eq_tol(cell(map, map), 0.325, 1e-6);
        ck_assert_double_eq_tol(cell(map, FAKE_GRID - 1 - map), 0.325, 1e-6);
    }
    ck_assert_uint_eq(call.response.images, 1);
    call_end(&call);
}

START_TEST(it_is_an_option_of_every_form_and_told_in_the_answer)
{
    char *json = malloc(strlen(base64) + 200);
    struct buffer buffer = form("true");
    sprintf(json, "{\"images\":[{\"data\":\"%s\"}],\"attention_for\":\"all\",\"flip\":true}", base64);
    check_flipped("/predict?attention_for=all", FORM, (struct bytes){buffer.data, buffer.size});
    check_flipped("/v1/predict?attention_for=all&flip=true", "image/png", png);
    check_flipped("/predict", "application/json", TEXT(json));
    buffer_finish(&buffer);
    free(json);
}
END_TEST

START_TEST(without_it_nothing_is_said)
{
    struct buffer buffer = form("false");
    call_run(&call, service.api, "POST", "/predict?attention_for=all", FORM,
             (struct bytes){buffer.data, buffer.size});
    ck_assert_str_eq(json_names(prediction()), "image,input_quality,findings,risk_scores,attention_maps");
    ck_assert_double_eq_tol(cell(0, 0), 0.625, 1e-6);
    call_end(&call);
    buffer_finish(&buffer);
}
END_TEST

START_TEST(what_is_no_boolean_is_refused_and_embeddings_have_no_flip)
{
    call_refused(&call, service.api, "/predict?flip=maybe", "image/png", png, 400,
                 "'flip' must be true or false, not 'maybe'.");
    call_refused(&call, service.api, "/embed?flip=true", "image/png", png, 400,
                 "Unknown option 'flip'; there are: tokens, dicom_profile, identifiers, model.");
}
END_TEST

START_TEST(flip_is_a_parameter_that_comes_back)
{
    bool flip = false;
    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"parameters\":{\"flip\":true},\"outputs\":[{\"name\":"
                                          "\"findings.attention\"}]}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    ck_assert(json_boolean(json_member(json_member(call.json, "parameters"), "flip"), &flip) && flip);
    const struct json *values = json_member(inference_output("findings.attention"), "data");
    ck_assert_double_eq_tol(json_value(json_item(values, 0)), 0.325, 1e-6);
    ck_assert_double_eq_tol(json_value(json_item(values, FAKE_GRID - 1)), 0.325, 1e-6);
    call_end(&call);
    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"parameters\":{\"flip\":false}}");
    ck_assert_str_eq(json_names(json_member(call.json, "parameters")), "package_sha256");
    call_end(&call);
    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"parameters\":{\"flip\":\"yes\"}}");
    ck_assert_int_eq(call.response.code, 400);
    ck_assert_str_eq(inference_error(), "The parameter \"flip\" must be true or false.");
    call_end(&call);
    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"parameters\":{\"flip\":true},\"outputs\":[{\"name\":"
                                          "\"embedding.mean\"}]}");
    ck_assert_int_eq(call.response.code, 400);
    ck_assert_str_eq(inference_error(),
                     "The output 'embedding.mean' is of an image as it is; ask for it in a "
                     "request without the parameter \"flip\".");
    call_end(&call);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("flip");
    tcase_add_checked_fixture(cases, inference_begin, inference_end);
    tcase_add_test(cases, it_is_an_option_of_every_form_and_told_in_the_answer);
    tcase_add_test(cases, without_it_nothing_is_said);
    tcase_add_test(cases, what_is_no_boolean_is_refused_and_embeddings_have_no_flip);
    tcase_add_test(cases, flip_is_a_parameter_that_comes_back);
    return suite_run("api/flip", cases);
}
