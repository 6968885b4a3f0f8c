#include "api/base64.h"
#include "api/pictures.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const struct json *prediction(size_t number)
{
    return json_item(json_member(call.json, "predictions"), number);
}

static void run(const char *target, const char *type, struct bytes body)
{
    call_run(&call, service.api, "POST", target, type, body);
}

static void refused(const char *target, const char *type, struct bytes body, int code, const char *words)
{
    call_refused(&call, service.api, target, type, body, code, words);
}

/* A form with `count` image parts and one more field, in the call's memory. */
static struct bytes form(struct buffer *buffer, int count, struct bytes image, const char *name,
                         const char *value)
{
    char text[256];
    *buffer = (struct buffer){.maximum = 1 << 24};
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text,
                 "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"%d.png\"\r\n\r\n", i);
        buffer_append(buffer, text, strlen(text));
        buffer_append(buffer, image.data, image.size);
        buffer_append(buffer, "\r\n", 2);
    }
    snprintf(text, sizeof text, "--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n--b--\r\n",
             name, value);
    buffer_append(buffer, text, strlen(text));
    return (struct bytes){buffer->data, buffer->size};
}
#define FORM "multipart/form-data; boundary=b"

START_TEST(the_answer_has_the_shape_of_the_contract)
{
    run("/predict?attention_for=all", "image/png", png);
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(json_names(call.json), "request_id,model,predictions,timing_ms");
    ck_assert_str_eq(json_names(json_member(call.json, "model")),
                     "name,version,weights_sha256,package_sha256,intended_use");
    ck_assert_str_eq(json_names(json_member(call.json, "timing_ms")),
                     "decode,preprocess,queue,inference,total");
    ck_assert_str_eq(json_names(prediction(0)), "image,input_quality,findings,risk_scores,attention_maps");
    const struct json *image = json_member(prediction(0), "image");
    ck_assert_str_eq(json_names(image), "id,format,width,height,profile,warnings,region");
    ck_assert_str_eq(json_names(json_member(image, "region")), "x,y,width,height");
    const struct json *findings = json_member(prediction(0), "findings");
    ck_assert_uint_eq(json_length(findings), 5);
    ck_assert_str_eq(json_names(json_first(findings)),
                     "head,label,logit,probability,threshold,threshold_source,positive,codes");
    const struct json *risks = json_member(prediction(0), "risk_scores");
    ck_assert_uint_eq(json_length(risks), 1);
    ck_assert_str_eq(json_names(json_first(risks)), "head,name,logit,probability,definition");
    const struct json *maps = json_member(prediction(0), "attention_maps");
    ck_assert_uint_eq(json_length(maps), 5);
    ck_assert_str_eq(json_names(json_first(maps)), "head,label,rows,columns,values,peak");
    ck_assert_uint_eq(call.response.images, 1);
    call_end(&call);
}
END_TEST

START_TEST(the_three_forms_and_repeats_give_the_same_numbers)
{
    char *base64 = base64_encode(png), *first = NULL;
    char *json = malloc(strlen(base64) + 200);
    struct buffer buffer;
    sprintf(json, "{\"images\":[{\"id\":\"0.png\",\"data\":\"%s\"}],\"attention_for\":[\"Mass\",\"Edema\"]}",
            base64);
    const struct {
        const char *target, *type;
        struct bytes body;
    } requests[] = {{"/predict", FORM, form(&buffer, 1, png, "attention_for", "Mass,Edema")},
                    {"/v1/predict?attention_for=Edema,Mass", "image/png", png},
                    {"/predict", "application/json", {(const uint8_t *)json, strlen(json)}},
                    {"/predict", FORM, {buffer.data, buffer.size}}};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        run(requests[i].target, requests[i].type, requests[i].body);
        ck_assert_msg(call.response.code == 200, "%zu: %s", i, call_detail(&call));
        /* From the findings on: a raw body's image has another id. */
        char *text = json_print(prediction(0), false), *numbers = strstr(text, "\"findings\"");
        ck_assert_msg(!first || !strcmp(strstr(first, "\"findings\""), numbers), "form %zu differs", i);
        if (first)
            free(text);
        else
            first = text;
        call_end(&call);
    }
    free(first);
    free(json);
    free(base64);
    buffer_finish(&buffer);
}
END_TEST

/* The picture of 100 x 80 shows a region of 80 x 80. */
START_TEST(pictures_are_the_size_of_the_region_or_smaller)
{
    static const struct {
        const char *target;
        double side;
        unsigned channels;
    } forms[] = {{"/predict?attention=png", 80, 1},
                 {"/predict?attention=overlay", 80, 3},
                 {"/predict?attention=png&size=33", 33, 1},
                 {"/predict?attention=overlay&size=16", 16, 3},
                 {"/predict?attention=overlay&size=2048", 80, 3}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        run(forms[i].target, "image/png", png);
        const struct json *map = json_first(json_member(prediction(0), "attention_maps"));
        ck_assert_str_eq(json_names(map), "head,label,png,width,height,peak");
        const char *text = json_text(json_member(map, "png"));
        struct bytes encoded;
        struct failure failure;
        struct image image = {0};
        struct image_info info;
        ck_assert(!base64_decode(call.request.arena, text, strlen(text), &failure, &encoded));
        ck_assert(!image_decode(encoded, &failure, &image, &info));
        double width = 0, height = 0;
        ck_assert(json_number(json_member(map, "width"), &width) && width == forms[i].side);
        ck_assert(json_number(json_member(map, "height"), &height) && height == forms[i].side);
        ck_assert_uint_eq(image.width, (uint32_t)forms[i].side);
        ck_assert_uint_eq(image.height, (uint32_t)forms[i].side);
        ck_assert_uint_eq(info.channels, forms[i].channels);
        image_finish(&image);
        call_end(&call);
    }
}
END_TEST

/* Nothing is decoded: the header says 5000 x 5000, and behind it there is nothing. Five maps an image, of
 * 1024 x 1024 each, are over the limit with the tenth image. */
START_TEST(too_many_pictures_are_refused_before_work)
{
    uint8_t header[33] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    header[18] = header[22] = 5000 >> 8;
    header[19] = header[23] = 5000 & 255;
    struct bytes large = {header, sizeof header};
    struct buffer buffer;
    refused("/predict?attention=overlay", FORM, form(&buffer, 10, large, "attention_for", "all"), 413,
            "52.4 megapixels where 50.0 are left of one answer's");
    buffer_finish(&buffer);
    refused("/predict?attention=png", FORM, form(&buffer, 12, large, "attention_for", "top:4"), 413,
            "a 'size' under 1024");
    buffer_finish(&buffer);
    run("/predict?attention=overlay&size=900", FORM, form(&buffer, 10, large, "attention_for", "all"));
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(json_names(prediction(0)), "image,error"); /* it went as far as decoding */
    call_end(&call);
    buffer_finish(&buffer);
}
END_TEST

/* How many labels are positive is known late; still before the maps that are too many are drawn. */
START_TEST(too_many_positive_labels_are_refused_when_they_are_known)
{
    struct bytes large = picture(1100, 1100);
    struct buffer buffer;
    refused("/predict?attention=png&threshold=0", FORM, form(&buffer, 10, large, "heads", "findings,cardiac"),
            413, "5.2 megapixels where 2.8 are left");
    buffer_finish(&buffer);
    free((void *)large.data);
}
END_TEST

static bool gone_after(void *looks)
{
    return --*(int *)looks < 0;
}

START_TEST(drawing_ends_with_the_clients_patience)
{
    struct bytes large = picture(1100, 1100);
    int looks = 4; /* the fake engine does not ask; what does is drawing */
    call_patience = (struct patience){.gone = gone_after, .client = &looks};
    refused("/predict?attention=overlay&attention_for=all", "image/png", large, 499, "closed its connection");
    ck_assert_int_eq(looks, -1);
    call_patience = (struct patience){.deadline_ns = 1};
    refused("/predict?attention=overlay", "image/png", large, 504, "while its pictures were drawn");
    call_patience = (struct patience){0};
    free((void *)large.data);
}
END_TEST

/* What an answer holds is counted while it is made, and no longer than it lives. */
START_TEST(pictures_are_paid_for)
{
    struct budget budget = {.limit_bytes = 2399};
    struct arena *arena = arena_create_within(&budget);
    struct pictures pictures = {.arena = arena, .pixels_left = 1 << 20, .bytes_left = 1 << 20};
    struct options options = {.attention = ATTENTION_OVERLAY,
                              .picture_side = 20,
                              .choice = ATTENTION_ALL,
                              .heads = (const bool[]){true, true, true}};
    const struct model_card *card = engine_card(service.engines[0]);
    float values[4] = {0.1f, 0.2f, 0.3f, 0.4f};
    const struct attention_map map = {values, 2, 2, {0, 0, 20, 20}};
    struct failure failure;
    size_t kept_bytes = 0;
    ck_assert_int_eq(pictures_expect(&pictures, &options, card, &png, 1, &failure, &kept_bytes), STATUS_OK);
    ck_assert_uint_eq(kept_bytes, 20 * 20 * 3);
    ck_assert_uint_eq(budget.used_bytes, kept_bytes);
    ck_assert(pictures_expect(&pictures, &options, card, &png, 1, &failure, &kept_bytes) == STATUS_TOO_LARGE);
    struct json *object = json_object();
    ck_assert_int_eq(pictures_draw(&pictures, &map, &(struct image){20, 20, NULL}, &failure, object),
                     STATUS_OK);
    ck_assert_uint_gt(budget.used_bytes, 20 * 20 * 3 + strlen(json_text(json_member(object, "png"))));
    json_destroy(&object);
    arena_destroy(&arena);
    ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

START_TEST(an_image_that_fails_among_several_fails_alone)
{
    struct buffer buffer;
    form(&buffer, 2, png, "attention", "none");
    memset((void *)memmem(buffer.data, buffer.size, png.data, 8), 'x', 8); /* the first is no PNG any more */
    run("/predict", FORM, (struct bytes){buffer.data, buffer.size});
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(json_names(prediction(0)), "image,error");
    ck_assert_str_eq(json_text(json_member(json_member(prediction(0), "image"), "id")), "0.png");
    double code = 0;
    ck_assert(json_number(json_member(json_member(prediction(0), "error"), "status"), &code) && code == 415);
    ck_assert_str_eq(json_names(prediction(1)), "image,input_quality,findings,risk_scores,attention_maps");
    ck_assert_str_eq(json_text(json_member(json_member(prediction(1), "image"), "id")), "1.png");
    call_end(&call);
    buffer_finish(&buffer);
}
END_TEST

START_TEST(bad_images_have_their_own_answers)
{
    struct bytes tiny = picture(1, 1), flat = picture(40000, 10);
    refused("/predict", "image/png", (struct bytes){0}, 422, "empty");
    refused("/predict", "image/png", (struct bytes){png.data, png.size / 2}, 422, "");
    refused("/predict", "image/png", TEXT("just text"), 415, "PNG");
    refused("/predict", "image/png", tiny, 422, "16");
    refused("/predict", "image/png", flat, 413, "32768");
    free((void *)tiny.data);
    free((void *)flat.data);
}
END_TEST

/* Whatever the request calls it, the content decides. */
START_TEST(media_types_of_images_are_taken)
{
    static const char *const types[] = {
        "image/png",       "image/x-png", "image/jpg",         "image/pjpeg",
        "IMAGE/JPEG; q=1", "image/webp",  "application/dicom", "application/octet-stream"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        run("/predict?attention=none", types[i], png);
        ck_assert_msg(call.response.code == 200, "%s: %s", types[i], call_detail(&call));
        call_end(&call);
    }
}
END_TEST

START_TEST(files_of_other_kinds_are_named_in_every_form)
{
    static const char sent[] = "a WebP image, which is not read here; send";
    const struct bytes webp = {(const uint8_t *)"RIFF\0\1\0\0WEBPVP8 ", 16};
    static const char json[] = "{\"images\":[{\"data\":\"UklGRgABAABXRUJQ\"}]}";
    struct buffer buffer;
    refused("/predict", "image/jpeg", webp, 415, sent);
    refused("/predict", "application/octet-stream", webp, 415, sent);
    refused("/predict", FORM, form(&buffer, 1, webp, "attention", "none"), 415, sent);
    refused("/predict", "application/json", TEXT(json), 415, sent);
    refused("/predict", "application/pdf", png, 415, "a PDF document"); /* before it is sent */
    refused("/predict", "image/other", png, 415, "a PNG, JPEG or DICOM file under its own type");
    buffer_finish(&buffer);
}
END_TEST

START_TEST(bad_requests_name_what_is_wrong)
{
    refused("/predict", NULL, png, 415, "without Content-Type");
    refused("/predict", "text/plain", png, 415,
            "The Content-Type 'text/plain' is not supported; send multipart/form-data");
    refused("/predict", "application/pdf", png, 415, "PDF");
    refused("/predict?headz=1", "image/png", png, 400, "Unknown option 'headz'");
    refused("/predict?heads=lungs", "image/png", png, 400, "Unknown head 'lungs'; there are: findings");
    refused("/predict?attention_for=Gout", "image/png", png, 400, "no label 'Gout'; there are: Normal");
    refused("/predict?model=x", "image/png", png, 400, "Unknown model 'x'; there are: demo, other.");
    refused("/predict?heads=a&heads=b", "image/png", png, 400, "'heads' is given twice");
    refused("/predict?heads=%f", "image/png", png, 400, "hexadecimal");
    refused("/predict", FORM, TEXT("--b--"), 400, "no image");
    refused("/predict", FORM, TEXT("--b\r\nContent-Disposition: form-data; name=hat\r\n\r\nx\r\n--b--"), 400,
            "Unknown option 'hat'");
    struct buffer buffer;
    refused("/predict", FORM, form(&buffer, 65, png, "heads", "findings"), 413, "more than 64 images");
    buffer_finish(&buffer);
}
END_TEST

START_TEST(bad_json_is_refused)
{
    static const char *const wrong[][2] = {
        {"", "malformed"},
        {"[]", "object"},
        {"{}", "array 'images'"},
        {"{\"images\":[]}", "'images' is empty"},
        {"{\"images\":[1]}", "images[0] must be"},
        {"{\"images\":[{\"id\":\"a\"}]}", "images[0] must be"},
        {"{\"images\":[{\"data\":\"\",\"name\":1}]}", "images[0] must be"},
        {"{\"images\":[{\"data\":\"\"},{\"data\":\"a\"}]}", "images[1].data: The base64"},
        {"{\"images\":[{\"data\":\"\",\"id\":\"\xff\"}]}", "not UTF-8"},
        {"{\"images\":[{\"data\":\"\"}],\"hat\":1}", "Unknown option 'hat'"},
        {"{\"images\":[{\"data\":\"\"}],\"heads\":null}", "has no value"},
        {"{\"images\":[{\"data\":\"\"}],\"images\":[]}", "twice"},
        {"{\"images\":[{\"data\":\"\"}]} 1", "after its end"},
        {"{\"images\":[[[[[[[[[[[]]]]]]]]]]]}", "nested"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused("/predict", "application/json", TEXT(wrong[i][0]), 400, wrong[i][1]);
}
END_TEST

START_TEST(thresholds_and_models_can_be_chosen)
{
    run("/predict?threshold=0.1&model=other", "image/png", png);
    ck_assert_str_eq(json_text(json_member(json_member(call.json, "model"), "name")), "other");
    const struct json *finding = json_first(json_member(prediction(0), "findings"));
    bool positive = false;
    ck_assert(json_boolean(json_member(finding, "positive"), &positive) && positive);
    ck_assert_str_eq(json_text(json_member(finding, "threshold_source")), "request");
    call_end(&call);
}
END_TEST

START_TEST(trouble_of_the_service_is_told_apart)
{
    static const struct {
        const char *behaviour, *words;
    } troubles[] = {{"full", "queue is full"}, {"lost", "device was lost"}};
    for (int i = 0; i < 2; i++) {
        struct service troubled;
        service_begin(&troubled, troubles[i].behaviour);
        call_run(&call, troubled.api, "POST", "/predict", "image/png", png);
        ck_assert_int_eq(call.response.code, 503);
        ck_assert_int_gt(call.response.retry_after_s, 0);
        ck_assert_ptr_nonnull(strstr(call_detail(&call), troubles[i].words));
        call_end(&call);
        service_end(&troubled);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("predict");
    tcase_set_timeout(cases, 60); /* a thread sanitizer draws slowly */
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, the_answer_has_the_shape_of_the_contract);
    tcase_add_test(cases, the_three_forms_and_repeats_give_the_same_numbers);
    tcase_add_test(cases, pictures_are_the_size_of_the_region_or_smaller);
    tcase_add_test(cases, too_many_pictures_are_refused_before_work);
    tcase_add_test(cases, too_many_positive_labels_are_refused_when_they_are_known);
    tcase_add_test(cases, drawing_ends_with_the_clients_patience);
    tcase_add_test(cases, pictures_are_paid_for);
    tcase_add_test(cases, an_image_that_fails_among_several_fails_alone);
    tcase_add_test(cases, bad_images_have_their_own_answers);
    tcase_add_test(cases, media_types_of_images_are_taken);
    tcase_add_test(cases, files_of_other_kinds_are_named_in_every_form);
    tcase_add_test(cases, bad_requests_name_what_is_wrong);
    tcase_add_test(cases, bad_json_is_refused);
    tcase_add_test(cases, thresholds_and_models_can_be_chosen);
    tcase_add_test(cases, trouble_of_the_service_is_told_apart);
    return suite_run("api/predict", cases);
}
