/* The option `views`: which images pair in every form of a request, what the answer says of them, and what is
 * refused. */
#include "api/base64.h"
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/inference.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM  "multipart/form-data; boundary=b"
#define QUIET "/predict?attention=none"

enum { A, B, CUT, PICTURES };
static struct bytes pictures[PICTURES];
static char *texts[PICTURES]; /* their base64 */
static double means[2];       /* the fake engine's, of A and B */

static const struct json *prediction(size_t number)
{
    return json_item(json_member(call.json, "predictions"), number);
}

static const char *text_of(size_t number, const char *object, const char *name)
{
    return json_text(json_member(json_member(prediction(number), object), name));
}

static double logit(size_t number, const char *head)
{
    for (const struct json *at = json_first(json_member(prediction(number), "findings")); at;
         at = json_next(at))
        if (!strcmp(json_text(json_member(at, "head")), head))
            return json_value(json_member(at, "logit"));
    ck_abort_msg("no %s", head);
}

static void begin(void)
{
    inference_begin();
    service_end(&service);
    service_begin(&service, "views");
    pictures[A] = picture(100, 80);
    pictures[B] = picture(80, 140);
    pictures[CUT] = picture(100, 80);
    pictures[CUT].size /= 2;
    for (size_t i = 0; i < PICTURES; i++)
        texts[i] = base64_encode(pictures[i]);
    for (size_t i = A; i <= B; i++) {
        call_run(&call, service.api, "POST", QUIET "&heads=findings", "image/png", pictures[i]);
        means[i] = logit(0, "findings") + 2;
        call_end(&call);
    }
    ck_assert(means[A] > means[B] + 0.001 || means[B] > means[A] + 0.001);
}

static void end(void)
{
    for (size_t i = 0; i < PICTURES; i++) {
        free(texts[i]);
        free((void *)pictures[i].data);
    }
    inference_end();
}

/* A form with a part for each pair of a name and a picture's letter: "image=A frontal=B". */
static struct buffer form(const char *parts)
{
    struct buffer buffer = {.maximum = 1 << 22};
    char text[256], name[32], letter;
    for (int used; sscanf(parts, " %31[^=]=%c%n", name, &letter, &used) == 2; parts += used) {
        const struct bytes *content = &pictures[letter == 'A' ? A : letter == 'B' ? B : CUT];
        snprintf(text, sizeof text,
                 "--b\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%c\"\r\n\r\n", name, letter);
        buffer_append(&buffer, text, strlen(text));
        buffer_append(&buffer, content->data, content->size);
        buffer_append(&buffer, "\r\n", 2);
    }
    buffer_append(&buffer, "--b--\r\n", 7);
    return buffer;
}

static void post_form(const char *target, const char *parts)
{
    struct buffer body = form(parts);
    call_run(&call, service.api, "POST", target, FORM, (struct bytes){body.data, body.size});
    buffer_finish(&body);
}

static void refused_form(const char *target, const char *parts, const char *words)
{
    struct buffer body = form(parts);
    call_refused(&call, service.api, target, FORM, (struct bytes){body.data, body.size}, 400, words);
    buffer_finish(&body);
}

/* Posts JSON in which each "$A" stands for a picture's base64. */
static void post_json(const char *target, const char *format)
{
    struct buffer body = {.maximum = 1 << 22};
    for (; *format; format++) {
        const char *text = *format == '$' ? texts[*++format == 'A' ? A : B] : NULL;
        buffer_append(&body, text ? text : format, text ? strlen(text) : 1);
    }
    call_run(&call, service.api, "POST", target, "application/json", (struct bytes){body.data, body.size});
    buffer_finish(&body);
}

static void check_logits(size_t number, size_t frontal, size_t lateral)
{
    ck_assert_double_eq_tol(logit(number, "paired"), means[frontal] + 2 * means[lateral], 1e-5);
    ck_assert_double_eq_tol(logit(number, "findings"), means[frontal] - 2, 1e-5); /* reads the frontal */
}

/* The answer has the pair A B. */
static void check_pair(const char *how)
{
    ck_assert_msg(call.response.code == 200, "%s: %s", how, call_detail(&call));
    ck_assert_uint_eq(json_length(json_member(call.json, "predictions")), 1);
    ck_assert_str_eq(
        json_names(prediction(0)),
        "image,lateral_image,views,input_quality,lateral_input_quality,findings,risk_scores,attention_maps");
    ck_assert_str_eq(json_names(json_member(prediction(0), "lateral_image")),
                     "id,view,format,width,height,profile,warnings,region");
    ck_assert_str_eq(text_of(0, "image", "view"), "frontal");
    ck_assert_str_eq(text_of(0, "lateral_image", "view"), "lateral");
    ck_assert_str_eq(json_text(json_member(prediction(0), "views")), "frontal,lateral");
    ck_assert_double_eq(json_value(json_member(json_member(prediction(0), "image"), "width")), 100);
    ck_assert_double_eq(json_value(json_member(json_member(prediction(0), "lateral_image"), "width")), 80);
    check_logits(0, A, B);
    ck_assert_uint_eq(call.response.images, 2);
    ck_assert_uint_eq(call.response.images_failed, 0);
    call_end(&call);
}

START_TEST(images_pair_in_every_form)
{
    post_form(QUIET "&views=frontal,lateral", "image=A image=B");
    check_pair("query");
    post_form(QUIET, "frontal=A lateral=B");
    check_pair("parts");
    post_form(QUIET, "lateral=B frontal=A");
    check_pair("parts, lateral first");
    post_form(QUIET "&views=frontal,lateral", "frontal=A lateral=B");
    check_pair("parts and query");
    post_json(QUIET, "{\"images\":[{\"data\":\"$A\"},{\"data\":\"$B\"}],\"views\":\"frontal,lateral\"}");
    check_pair("json");
    post_json(QUIET,
              "{\"images\":[{\"data\":\"$A\"},{\"data\":\"$B\"}],\"views\":[\"frontal\",\"lateral\"]}");
    check_pair("json array");
    post_json(QUIET, "{\"images\":[{\"data\":\"$B\",\"view\":\"lateral\"},"
                     "{\"view\":\"frontal\",\"data\":\"$A\",\"id\":\"a\"}]}");
    ck_assert_str_eq(text_of(0, "image", "id"), "a");
    ck_assert_str_eq(text_of(0, "lateral_image", "id"), "0");
    check_pair("json views");
}
END_TEST

START_TEST(parts_of_a_name_keep_their_order)
{
    post_form(QUIET, "frontal=A frontal=B lateral=B lateral=A");
    ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
    ck_assert_uint_eq(json_length(json_member(call.json, "predictions")), 2);
    check_logits(0, A, B);
    check_logits(1, B, A);
    ck_assert_str_eq(text_of(1, "image", "id"), "B");
    ck_assert_str_eq(text_of(1, "lateral_image", "id"), "A");
    ck_assert_uint_eq(call.response.images, 4);
    call_end(&call);
}
END_TEST

START_TEST(the_frontal_is_read_twice_when_asked_for)
{
    static const char *const parts[] = {"image=A image=B", "frontal=A frontal=B"};
    for (size_t i = 0; i < 2; i++) {
        post_form(QUIET "&views=frontal&flip=true", parts[i]);
        ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
        ck_assert_uint_eq(json_length(json_member(call.json, "predictions")), 2);
        ck_assert_str_eq(json_names(prediction(0)),
                         "image,views,flip,input_quality,findings,risk_scores,attention_maps");
        ck_assert_str_eq(json_text(json_member(prediction(0), "views")), "frontal");
        ck_assert_str_eq(text_of(0, "image", "view"), "frontal");
        check_logits(0, A, A);
        check_logits(1, B, B);
        call_end(&call);
    }
    call_run(&call, service.api, "POST", QUIET "&views=frontal", "image/png", pictures[A]);
    check_logits(0, A, A);
    call_end(&call);
}
END_TEST

START_TEST(heads_of_one_view_are_asked_for_alone)
{
    call_run(&call, service.api, "POST", QUIET "&heads=findings,cardiac,extra", "image/png", pictures[A]);
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(json_names(prediction(0)), "image,input_quality,findings,risk_scores,attention_maps");
    ck_assert_uint_eq(json_length(json_member(prediction(0), "findings")), 5);
    call_end(&call);
}
END_TEST

START_TEST(what_does_not_pair_is_refused_and_named)
{
    static const struct {
        const char *target, *parts, *words;
    } cases[] = {
        {QUIET, "image=A",
         "The head 'paired' reads a frontal and a lateral image: say views=frontal,lateral and send images "
         "in "
         "pairs, each frontal followed by its lateral; or say views=frontal, and it reads each image as "
         "both; "
         "or leave the head out of those that 'heads' names."},
        {QUIET "&views=frontal,lateral", "image=A image=B image=A",
         "Image 2 ('A') lacks its lateral: with views=frontal,lateral images come in pairs, each frontal "
         "followed by its lateral. With views=frontal heads of two views read an image as both."},
        {QUIET, "frontal=A frontal=B lateral=B",
         "Frontal image 1 ('B') lacks its lateral: 2 images are frontal and 1 are lateral."},
        {QUIET, "frontal=A",
         "Frontal image 0 ('A') lacks its lateral: 1 images are frontal and 0 are lateral. With "
         "views=frontal and "
         "no lateral, heads of two views read an image as both; for heads of one view send it as 'image'."},
        {QUIET, "lateral=A frontal=B lateral=B",
         "Lateral image 1 ('B') lacks its frontal: 1 images are frontal and 2 are lateral."},
        {QUIET, "frontal=A lateral=B image=B",
         "Image 2 ('B') is not said to be frontal or lateral, while others are: say it of all images, or of "
         "none."},
        {QUIET "&views=frontal", "frontal=A lateral=B",
         "Lateral images come with views=frontal,lateral, not with views=frontal."},
        {QUIET "&views=frontal&heads=findings", "image=A",
         "Nothing that is asked for of the model 'demo' reads a lateral image: send each image by itself as "
         "'image', not as 'frontal' or 'lateral', and without 'views'."},
        {QUIET "&heads=findings", "frontal=A lateral=B",
         "reads a lateral image: send each image by itself as 'image', not as 'frontal' or 'lateral'"},
        {QUIET "&views=lateral,frontal", "image=A image=B",
         "The option 'views' is 'frontal,lateral', with images in pairs, each frontal followed by its "
         "lateral, or 'frontal', with images that are read as both; not 'lateral, frontal'."},
        {QUIET "&views=lateral", "image=A", "not 'lateral'."},
        {QUIET "&views=frontal,frontal", "image=A", "not 'frontal, frontal'."},
        {QUIET "&views=", "image=A", "The option 'views' has no value."},
        {"/embed", "frontal=A", "The form field 'frontal' holds a file; send it as 'image'."},
        {"/embed?views=frontal", "image=A",
         "Unknown option 'views'; there are: tokens, dicom_profile, identifiers, model."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused_form(cases[i].target, cases[i].parts, cases[i].words);
    post_json(QUIET, "{\"images\":[{\"data\":\"$A\",\"view\":\"oblique\"}]}");
    ck_assert_str_eq(call_detail(&call),
                     "images[0] must be an object with 'data', its base64, and at most an "
                     "'id' of text and a 'view', frontal or lateral.");
    call_end(&call);
    post_json(QUIET, "{\"images\":[{\"data\":\"$A\",\"view\":\"frontal\"},{\"data\":\"$B\"}]}");
    ck_assert_ptr_nonnull(strstr(call_detail(&call), "Image 1 ('1') is not said to be frontal or lateral"));
    call_end(&call);
    post_json("/embed", "{\"images\":[{\"data\":\"$A\",\"view\":\"frontal\"}]}");
    ck_assert_str_eq(call_detail(&call),
                     "images[0] must be an object with 'data', its base64, and at most an 'id' of text.");
    call_end(&call);
}
END_TEST

START_TEST(a_model_of_one_view_takes_no_pairs)
{
    service_end(&service);
    service_begin(&service, NULL);
    refused_form(QUIET "&views=frontal,lateral", "image=A image=B", "reads a lateral image");
    refused_form(QUIET, "frontal=A lateral=B", "reads a lateral image");
    refused_form(QUIET "&views=frontal", "image=A", "reads a lateral image");
}
END_TEST

START_TEST(a_study_fails_with_either_image)
{
    post_form(QUIET, "frontal=A lateral=C frontal=C lateral=A frontal=A lateral=B");
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(json_names(prediction(0)), "image,lateral_image,views,error");
    const char *detail = json_text(json_member(json_member(prediction(0), "error"), "detail"));
    ck_assert_msg(!strncmp(detail, "The lateral image: ", 19), "%s", detail);
    detail = json_text(json_member(json_member(prediction(1), "error"), "detail"));
    ck_assert_msg(!strncmp(detail, "The frontal image: ", 19), "%s", detail);
    ck_assert_str_eq(text_of(0, "lateral_image", "view"), "lateral");
    ck_assert_str_eq(text_of(1, "lateral_image", "format"), "png"); /* looked at all the same */
    check_logits(2, A, B);
    ck_assert_uint_eq(call.response.images, 6);
    ck_assert_uint_eq(call.response.images_failed, 4);
    call_end(&call);
    post_form(QUIET, "frontal=A lateral=C"); /* the only one answers for the request */
    ck_assert_int_eq(call.response.code, 422);
    ck_assert(!strncmp(call_detail(&call), "The lateral image: ", 19));
    call_end(&call);
}
END_TEST

START_TEST(maps_are_the_frontals)
{
    post_form("/predict?attention=overlay&size=64&attention_for=all", "frontal=A lateral=B");
    ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
    const struct json *maps = json_member(prediction(0), "attention_maps");
    ck_assert_uint_eq(json_length(maps), 5);
    ck_assert_double_eq(json_value(json_member(json_first(maps), "width")), 64);
    ck_assert_double_eq(json_value(json_member(json_first(maps), "height")), 64);
    call_end(&call);
}
END_TEST

START_TEST(models_say_how_many_views_a_head_reads)
{
    call_run(&call, service.api, "GET", "/models/demo", NULL, (struct bytes){0});
    const struct json *heads = json_member(call.json, "heads");
    ck_assert_double_eq(json_value(json_member(json_item(heads, 0), "views")), 1);
    ck_assert_double_eq(json_value(json_member(json_item(heads, 3), "views")), 2);
    call_end(&call);
}
END_TEST

#define TENSOR(count, data) \
    "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[" count "],\"data\":[" data "]}]"

START_TEST(the_inference_protocol_pairs_too)
{
    post_json(INFER,
              TENSOR("4", "\"$A\",\"$B\",\"$B\",\"$A\"") ",\"parameters\":{\"views\":\"frontal,lateral\"}}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    ck_assert_str_eq(json_text(json_member(json_member(call.json, "parameters"), "views")),
                     "frontal,lateral");
    const struct json *output = inference_output("paired.logits"), *data = json_member(output, "data");
    ck_assert_double_eq(json_value(json_first(json_member(output, "shape"))), 2);
    ck_assert_uint_eq(json_length(data), 2);
    ck_assert_double_eq_tol(json_value(json_item(data, 0)), means[A] + 2 * means[B], 1e-5);
    ck_assert_double_eq_tol(json_value(json_item(data, 1)), means[B] + 2 * means[A], 1e-5);
    ck_assert_uint_eq(call.response.images, 4);
    call_end(&call);
    post_json(INFER, TENSOR("1", "\"$A\"") ",\"parameters\":{\"views\":\"frontal\"}}");
    ck_assert_double_eq_tol(json_value(json_first(json_member(inference_output("paired.logits"), "data"))),
                            3 * means[A], 1e-5);
    call_end(&call);
    post_json(INFER, TENSOR("1", "\"$A\"") ",\"outputs\":[{\"name\":\"extra.logits\"}]}");
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(json_names(json_member(call.json, "parameters")), "package_sha256");
    call_end(&call);
}
END_TEST

START_TEST(it_refuses_what_does_not_pair)
{
    static const struct {
        const char *body, *sentence;
    } cases[] = {
        {TENSOR("1", "\"$A\"") "}", "The head 'paired' reads a frontal and a lateral image: say "
                                    "views=frontal,lateral and send images in "
                                    "pairs, each frontal followed by its lateral; or say views=frontal, and "
                                    "it reads each image as both; "
                                    "or name only outputs of other heads."},
        {TENSOR("1", "\"$A\"") ",\"parameters\":{\"views\":\"frontal,lateral\"}}",
         "Image 0 lacks its lateral: with views=frontal,lateral images come in pairs, each frontal followed "
         "by "
         "its lateral. With views=frontal heads of two views read an image as both."},
        {TENSOR("1", "\"$A\"") ",\"parameters\":{\"views\":true}}",
         "The parameter \"views\" must be a text, \"frontal,lateral\" or \"frontal\"."},
        {TENSOR("2",
                "\"$A\",\"$B\"") ",\"parameters\":{\"views\":\"frontal,lateral\"},\"outputs\":[{\"name\":"
                                 "\"embedding.class\"}]}",
         "The output 'embedding.class' is of an image as it is; ask for it in a request without the "
         "parameter "
         "\"views\"."},
        {TENSOR("2",
                "\"$A\",\"$B\"") ",\"parameters\":{\"views\":\"frontal,lateral\"},\"outputs\":[{\"name\":"
                                 "\"extra.logits\"}]}",
         "Nothing that is asked for of the model 'demo' reads a lateral image: ask without the parameter "
         "\"views\"."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        post_json(INFER, cases[i].body);
        ck_assert_int_eq(call.response.code, 400);
        ck_assert_str_eq(inference_error(), cases[i].sentence);
        call_end(&call);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("views");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, images_pair_in_every_form);
    tcase_add_test(cases, parts_of_a_name_keep_their_order);
    tcase_add_test(cases, the_frontal_is_read_twice_when_asked_for);
    tcase_add_test(cases, heads_of_one_view_are_asked_for_alone);
    tcase_add_test(cases, what_does_not_pair_is_refused_and_named);
    tcase_add_test(cases, a_model_of_one_view_takes_no_pairs);
    tcase_add_test(cases, a_study_fails_with_either_image);
    tcase_add_test(cases, maps_are_the_frontals);
    tcase_add_test(cases, models_say_how_many_views_a_head_reads);
    tcase_add_test(cases, the_inference_protocol_pairs_too);
    tcase_add_test(cases, it_refuses_what_does_not_pair);
    return suite_run("api/views", cases);
}
