/* The input gate in answers, and the option `require_quality`: in every form of a request. The picture with a
 * fault is four times as wide as high. */
#include "api/base64.h"
#include "api/openapi/openapi.h"
#include "engine/image/overlay.h"
#include "tests/unit/api/inference.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM "multipart/form-data; boundary=b"
#define REFUSED \
    "The picture is not acceptable (proportions), as require_quality asks. One side of the picture"

static struct bytes wide, bright;
static char *wide_base64;

/* A picture that the head of the fake engine "gate" finds inverted. */
static struct bytes draw_bright(void)
{
    enum { SIDE = 100 };
    uint8_t pixels[SIDE * SIDE];
    struct buffer out = {.maximum = 1 << 20};
    for (int i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (uint8_t)(150 + i % SIDE);
    ck_assert_int_eq(image_write_png(pixels, SIDE, SIDE, 1, NULL, NULL, &out), STATUS_OK);
    return (struct bytes){out.data, out.size};
}

static void begin(void)
{
    inference_begin();
    wide = picture(400, 100);
    wide_base64 = base64_encode(wide);
}

static void begin_views(void)
{
    begin();
    service_end(&service);
    service_begin(&service, "views");
}

static void begin_gate(void)
{
    begin();
    bright = draw_bright();
    service_end(&service);
    service_begin(&service, "gate");
}

static void begin_gate_alone(void)
{
    begin();
    service_end(&service);
    service_begin(&service, "gate alone");
}

static void end(void)
{
    free((void *)bright.data);
    free((void *)wide.data);
    free(wide_base64);
    bright = wide = (struct bytes){0};
    wide_base64 = NULL;
    inference_end();
}

static const struct json *prediction(size_t number)
{
    return json_item(json_member(call.json, "predictions"), number);
}

/* The codes of a gate's reasons with commas between them; "" is acceptable. */
static const char *codes_of(const struct json *quality)
{
    static char text[256];
    bool acceptable = false;
    *text = '\0';
    ck_assert_str_eq(json_names(quality), "score,acceptable,reasons");
    for (const struct json *at = json_first(json_member(quality, "reasons")); at; at = json_next(at)) {
        ck_assert_str_eq(json_names(at), "code,detail");
        strcat(strcat(text, *text ? "," : ""), json_text(json_member(at, "code")));
    }
    ck_assert(json_boolean(json_member(quality, "acceptable"), &acceptable) && acceptable == !*text);
    return text;
}

static void run(const char *target, const char *type, struct bytes body)
{
    call_run(&call, service.api, "POST", target, type, body);
}

START_TEST(an_answer_says_whether_its_picture_is_acceptable)
{
    run("/predict", "image/png", png);
    ck_assert_str_eq(codes_of(json_member(prediction(0), "input_quality")), "");
    call_end(&call);
    run("/predict?require_quality=false", "image/png", wide);
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(codes_of(json_member(prediction(0), "input_quality")), "proportions");
    call_end(&call);
    run("/predict?require_quality=true", "image/png", png);
    ck_assert_int_eq(call.response.code, 200);
    call_end(&call);
}
END_TEST

START_TEST(required_it_is_refused_in_every_form)
{
    char *text = malloc(strlen(wide_base64) + 200);
    struct buffer form = {.maximum = 1 << 20};
    static const char head[] = "--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n",
                      tail[] = "\r\n--b\r\nContent-Disposition: form-data; name=\"require_quality\"\r\n\r\n"
                               "true\r\n--b--\r\n";
    buffer_append(&form, head, strlen(head));
    buffer_append(&form, wide.data, wide.size);
    buffer_append(&form, tail, strlen(tail));
    sprintf(text, "{\"images\":[{\"data\":\"%s\"}],\"require_quality\":true}", wide_base64);
    call_refused(&call, service.api, "/predict?require_quality=true", "image/png", wide, 422, REFUSED);
    call_refused(&call, service.api, "/v1/predict", "application/json", TEXT(text), 422, REFUSED);
    call_refused(&call, service.api, "/predict", FORM, (struct bytes){form.data, form.size}, 422, REFUSED);
    call_refused(&call, service.api, "/predict?require_quality=1", "image/png", wide, 400,
                 "'require_quality' must be true or false, not '1'.");
    buffer_finish(&form);
    free(text);
}
END_TEST

START_TEST(among_several_it_fails_alone)
{
    char *text = malloc(strlen(wide_base64) + 2 * strlen(base64) + 200);
    sprintf(text,
            "{\"images\":[{\"data\":\"%s\"},{\"data\":\"%s\"},{\"data\":\"%s\"}],\"require_quality\":true}",
            base64, wide_base64, base64);
    run("/predict", "application/json", TEXT(text));
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_uint_eq(call.response.images_failed, 1);
    const struct json *error = json_member(prediction(1), "error");
    ck_assert_str_eq(json_names(prediction(1)), "image,error");
    ck_assert_ptr_nonnull(strstr(json_text(json_member(error, "detail")), REFUSED));
    for (size_t i = 0; i < 3; i += 2)
        ck_assert_str_eq(codes_of(json_member(prediction(i), "input_quality")), "");
    call_end(&call);
    free(text);
}
END_TEST

START_TEST(each_view_is_judged)
{
    char *text = malloc(strlen(wide_base64) + strlen(base64) + 200);
    sprintf(text, "{\"images\":[{\"data\":\"%s\"},{\"data\":\"%s\"}]}", base64, wide_base64);
    run("/predict?views=frontal,lateral", "application/json", TEXT(text));
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(codes_of(json_member(prediction(0), "input_quality")), "");
    ck_assert_str_eq(codes_of(json_member(prediction(0), "lateral_input_quality")), "proportions");
    call_end(&call);
    call_refused(&call, service.api, "/predict?views=frontal,lateral&require_quality=true",
                 "application/json", TEXT(text), 422, "The lateral image: " REFUSED);
    free(text);
}
END_TEST

START_TEST(tensors_have_it_as_parameters)
{
    char *text = malloc(strlen(wide_base64) + strlen(base64) + 300);
    static const char form[] = INPUT("[2]", "[\"%s\",\"%s\"]") ",\"parameters\":{\"require_quality\":%s}}";
    sprintf(text, form, base64, wide_base64, "false");
    run(INFER, "application/json", TEXT(text));
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    const struct json *parameters = json_member(call.json, "parameters");
    ck_assert_str_eq(json_names(parameters), "package_sha256,quality_reasons_1");
    ck_assert_ptr_nonnull(
        strstr(json_text(json_member(parameters, "quality_reasons_1")), "proportions: One side"));
    call_end(&call);
    sprintf(text, form, base64, wide_base64, "true");
    run(INFER, "application/json", TEXT(text));
    ck_assert_int_eq(call.response.code, 422);
    ck_assert_ptr_nonnull(strstr(inference_error(), "Image 1: " REFUSED));
    call_end(&call);
    sprintf(text, form, base64, wide_base64, "\"yes\"");
    run(INFER, "application/json", TEXT(text));
    ck_assert_str_eq(inference_error(), "The parameter \"require_quality\" must be true or false.");
    call_end(&call);
    free(text);
}
END_TEST

static double score(void)
{
    return json_value(json_member(json_member(prediction(0), "input_quality"), "score"));
}

/* Of the fake's head: sigmoid(mean / 255 - 2). */
START_TEST(a_quality_head_gives_the_score_and_is_no_finding)
{
    run("/predict?attention=none", "image/png", bright);
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(codes_of(json_member(prediction(0), "input_quality")), "inverted");
    const double low = score();
    ck_assert(low > 0.76 && low < 0.8);
    ck_assert_uint_eq(json_length(json_member(prediction(0), "findings")), 4);
    ck_assert_uint_eq(json_length(json_member(prediction(0), "risk_scores")), 0);
    call_end(&call);
    run("/predict?attention=none&threshold=0&flip=true", "image/png", png);
    ck_assert_str_eq(codes_of(json_member(prediction(0), "input_quality")), "");
    ck_assert(score() > 0.8 && score() < 0.89);
    ck_assert_uint_eq(json_length(json_member(prediction(0), "findings")), 4);
    call_end(&call);
    call_refused(&call, service.api, "/predict?attention=all&heads=gate", "image/png", png, 400,
                 "Unknown head 'gate'; there are: findings.");
    call_refused(&call, service.api, "/predict?attention_for=inverted", "image/png", png, 400,
                 "finds no label 'inverted'; there are: Normal, Edema, Mass, Nodule.");
}
END_TEST

START_TEST(what_a_quality_head_finds_is_refused_where_required)
{
    call_refused(&call, service.api, "/predict?require_quality=true", "image/png", bright, 422,
                 "The picture is not acceptable (inverted), as require_quality asks. To the model");
    run("/predict?require_quality=true", "image/png", png);
    ck_assert_int_eq(call.response.code, 200);
    call_end(&call);
}
END_TEST

START_TEST(a_quality_head_has_no_tensors)
{
    infer(INFER, INPUT("[1]", "[\"%s\"]") "}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    ck_assert_uint_eq(json_length(json_member(call.json, "outputs")), 2);
    ck_assert_ptr_nonnull(inference_output("findings.logits"));
    const struct json *parameters = json_member(call.json, "parameters");
    ck_assert_str_eq(json_names(parameters), "package_sha256,quality_score_0");
    const double value = json_value(json_member(parameters, "quality_score_0"));
    ck_assert(value > 0.8 && value < 0.89);
    call_end(&call);
    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"gate.logits\"}]}");
    ck_assert_int_eq(call.response.code, 400);
    call_end(&call);
    call_run(&call, service.api, "GET", "/models/demo", NULL, TEXT(""));
    const struct json *head = json_first(json_member(call.json, "heads"));
    ck_assert_str_eq(json_text(json_member(head, "kind")), "quality");
    call_end(&call);
}
END_TEST

START_TEST(a_package_with_no_other_head_only_embeds)
{
    call_refused(&call, service.api, "/predict", "image/png", png, 409, "has no heads");
    run("/embed", "image/png", png);
    ck_assert_int_eq(call.response.code, 200);
    call_end(&call);
}
END_TEST

/* A code may be that of several reasons, and stands once in the list. */
START_TEST(every_code_is_in_the_contract_and_no_other)
{
    const struct json_limits limits = {.depth = 64, .values = 1 << 20};
    struct json *contract = NULL;
    uint32_t left = (1u << QUALITY_REASONS) - 1;
    const char *code, *detail, *codes[QUALITY_REASONS];
    size_t different = 0;
    double most = 0;
    ck_assert(!json_parse(openapi_json(), limits, NULL, &contract));
    const struct json *schemas = json_member(json_member(contract, "components"), "schemas");
    const struct json *properties = json_member(json_member(schemas, "InputQuality"), "properties");
    const struct json *reasons = json_member(properties, "reasons");
    const struct json *reason = json_member(json_member(reasons, "items"), "properties");
    const struct json *list = json_member(json_member(reason, "code"), "enum");
    while (quality_next(&left, &code, &detail)) {
        size_t i = 0;
        const struct json *at = json_first(list);
        while (at && strcmp(json_text(at), code))
            at = json_next(at);
        ck_assert_msg(at != NULL, "%s", code);
        while (i < different && strcmp(codes[i], code))
            i++;
        codes[i] = code;
        different += i == different;
    }
    ck_assert_uint_eq(json_length(list), different);
    ck_assert(json_number(json_member(reasons, "maxItems"), &most) && most == QUALITY_REASONS);
    json_destroy(&contract);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("one view"), *pairs = tcase_create("pairs");
    TCase *gate = tcase_create("a quality head"), *alone = tcase_create("nothing else");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, an_answer_says_whether_its_picture_is_acceptable);
    tcase_add_test(cases, required_it_is_refused_in_every_form);
    tcase_add_test(cases, among_several_it_fails_alone);
    tcase_add_test(cases, tensors_have_it_as_parameters);
    tcase_add_test(cases, every_code_is_in_the_contract_and_no_other);
    tcase_add_checked_fixture(pairs, begin_views, end);
    tcase_add_test(pairs, each_view_is_judged);
    tcase_add_checked_fixture(gate, begin_gate, end);
    tcase_add_test(gate, a_quality_head_gives_the_score_and_is_no_finding);
    tcase_add_test(gate, what_a_quality_head_finds_is_refused_where_required);
    tcase_add_test(gate, a_quality_head_has_no_tensors);
    tcase_add_checked_fixture(alone, begin_gate_alone, end);
    tcase_add_test(alone, a_package_with_no_other_head_only_embeds);
    Suite *suite = suite_create("api/quality");
    suite_add_tcase(suite, gate);
    suite_add_tcase(suite, alone);
    suite_add_tcase(suite, cases);
    suite_add_tcase(suite, pairs);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
