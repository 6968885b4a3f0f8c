/* The option `render`: the image itself in the answer, in every form of a request, and what bounds it. */
#include "api/base64.h"
#include "api/pictures.h"
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/inference.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM  "multipart/form-data; boundary=b"
#define QUIET "/predict?attention=none&render=png"

static const struct json *prediction(size_t number)
{
    return json_item(json_member(call.json, "predictions"), number);
}

/* The picture that comes back of an image, "image" or "lateral_image"; *channels as its PNG has them. */
static struct image rendered(size_t number, const char *name, unsigned *channels)
{
    const struct json *render = json_member(json_member(prediction(number), name), "render");
    ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
    ck_assert_str_eq(json_names(render), "png,width,height");
    const char *text = json_text(json_member(render, "png"));
    struct bytes encoded;
    struct failure failure;
    struct image image = {0};
    struct image_info info;
    ck_assert(!base64_decode(call.request.arena, text, strlen(text), &failure, &encoded));
    ck_assert_msg(!image_decode(encoded, &failure, &image, &info), "%s", failure.sentence);
    ck_assert_double_eq(json_value(json_member(render, "width")), image.width);
    ck_assert_double_eq(json_value(json_member(render, "height")), image.height);
    *channels = info.channels;
    return image;
}

/* A form with an image a name: "image", or "frontal" and "lateral". */
static struct buffer form(const char *const *names, const struct bytes *images, size_t count)
{
    struct buffer buffer = {.maximum = 1 << 26};
    char text[256];
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", names[i]);
        buffer_append(&buffer, text, strlen(text));
        buffer_append(&buffer, images[i].data, images[i].size);
        buffer_append(&buffer, "\r\n", 2);
    }
    snprintf(text, sizeof text,
             "--b\r\nContent-Disposition: form-data; name=\"render\"\r\n\r\npng\r\n--b--\r\n");
    buffer_append(&buffer, text, strlen(text));
    return buffer;
}

/* A PNG of RGB pixels, which are the caller's. */
static struct bytes colour_png(const uint8_t *pixels, uint32_t width, uint32_t height)
{
    struct buffer buffer = {.maximum = 1 << 24};
    ck_assert(!image_write_png(pixels, width, height, 3, NULL, NULL, &buffer));
    return (struct bytes){buffer.data, buffer.size};
}

START_TEST(nobody_gets_it_unasked)
{
    call_run(&call, service.api, "POST", "/predict", "image/png", png);
    ck_assert_str_eq(json_names(json_member(prediction(0), "image")),
                     "id,format,width,height,profile,warnings,region");
    call_end(&call);
    call_run(&call, service.api, "POST", QUIET, "image/png", png);
    ck_assert_str_eq(json_names(json_member(prediction(0), "image")),
                     "id,format,width,height,profile,warnings,region,render");
    call_end(&call);
    call_refused(&call, service.api, "/predict?render=jpeg", "image/png", png, 400,
                 "The option 'render' cannot be 'jpeg'; there are: png.");
    call_refused(&call, service.api, "/embed?render=png", "image/png", png, 400, "Unknown option 'render'");
}
END_TEST

/* All of the image, not of the region; to the bit where it need not be smaller. */
START_TEST(every_form_of_a_request_gets_the_same_picture)
{
    static const char *const names[] = {"image"};
    struct buffer body = form(names, &png, 1);
    char *json = malloc(strlen(base64) + 100);
    sprintf(json, "{\"images\":[{\"data\":\"%s\"}],\"render\":\"png\"}", base64);
    const struct {
        const char *target, *type;
        struct bytes body;
    } requests[] = {{"/v1/predict?render=png", "image/png", png},
                    {QUIET "&size=100", "image/png", png},
                    {"/predict?attention=overlay", FORM, {body.data, body.size}},
                    {"/predict?attention=png", "application/json", {(const uint8_t *)json, strlen(json)}}};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        unsigned channels = 0;
        call_run(&call, service.api, "POST", requests[i].target, requests[i].type, requests[i].body);
        struct image image = rendered(0, "image", &channels);
        ck_assert_uint_eq(channels, 1);
        ck_assert_uint_eq(image.width, 100);
        ck_assert_uint_eq(image.height, 80);
        for (uint32_t y = 0; y < 80; y++)
            for (uint32_t x = 0; x < 100; x++)
                ck_assert_uint_eq(image.pixels[3 * (100 * y + x)], (uint8_t)(x * 2 + y));
        image_finish(&image);
        call_end(&call);
    }
    free(json);
    buffer_finish(&body);
}
END_TEST

/* Of four pixels each the mean, in every colour. */
START_TEST(a_smaller_picture_averages_and_keeps_colours)
{
    uint8_t pixels[64 * 48 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i % 3 == 0   ? 200 - i / 3 / 64 % 2 * 4
                              : i % 3 == 1 ? 20 + i / 3 % 2 * 100
                                           : i / 3 / 64 * 5);
    const struct bytes colours = colour_png(pixels, 64, 48);
    unsigned channels = 0;
    call_run(&call, service.api, "POST", QUIET "&size=32", "image/png", colours);
    struct image image = rendered(0, "image", &channels);
    ck_assert_uint_eq(channels, 3);
    ck_assert_uint_eq(image.width, 32);
    ck_assert_uint_eq(image.height, 24);
    for (uint32_t i = 0; i < 32 * 24; i++) {
        ck_assert_uint_eq(image.pixels[3 * i], 198);
        ck_assert_uint_eq(image.pixels[3 * i + 1], 70);
        ck_assert_int_le(abs(image.pixels[3 * i + 2] - (int)(i / 32 * 10 + 3)), 1);
    }
    image_finish(&image);
    call_end(&call);
    free((void *)colours.data);
}
END_TEST

START_TEST(no_side_is_over_2048)
{
    const struct bytes wide = picture(4100, 50);
    unsigned channels = 0;
    call_run(&call, service.api, "POST", QUIET, "image/png", wide);
    struct image image = rendered(0, "image", &channels);
    ck_assert_uint_eq(image.width, 2048);
    ck_assert_uint_eq(image.height, 25);
    image_finish(&image);
    call_end(&call);
    free((void *)wide.data);
}
END_TEST

START_TEST(both_images_of_a_study_come)
{
    static const char *const names[] = {"frontal", "lateral"};
    const struct bytes images[] = {png, picture(60, 90)};
    struct buffer body = form(names, images, 2);
    unsigned channels = 0;
    service_end(&service);
    service_begin(&service, "views");
    call_run(&call, service.api, "POST", "/predict?views=frontal,lateral", FORM,
             (struct bytes){body.data, body.size});
    struct image frontal = rendered(0, "image", &channels), lateral = rendered(0, "lateral_image", &channels);
    ck_assert_uint_eq(frontal.width, 100);
    ck_assert_uint_eq(lateral.width, 60);
    ck_assert_uint_eq(lateral.height, 90);
    image_finish(&frontal);
    image_finish(&lateral);
    call_end(&call);
    buffer_finish(&body);
    free((void *)images[1].data);
}
END_TEST

START_TEST(an_image_that_fails_has_none)
{
    static const char *const names[] = {"image", "image"};
    const struct bytes images[] = {{png.data, png.size / 2}, png};
    struct buffer body = form(names, images, 2);
    unsigned channels = 0;
    call_run(&call, service.api, "POST", "/predict", FORM, (struct bytes){body.data, body.size});
    ck_assert_str_eq(json_names(json_member(prediction(0), "image")), "id,format,width,height");
    struct image image = rendered(1, "image", &channels);
    image_finish(&image);
    call_end(&call);
    buffer_finish(&body);
}
END_TEST

/* Headers that promise 5000 x 5000, and nothing behind them: 11 pictures of 2048 x 2048 are within the limit.
 */
START_TEST(too_many_are_refused_before_work)
{
    uint8_t header[33] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    header[18] = header[22] = 5000 >> 8;
    header[19] = header[23] = 5000 & 255;
    const char *names[12];
    struct bytes images[12];
    for (size_t i = 0; i < 12; i++) {
        names[i] = "image";
        images[i] = (struct bytes){header, sizeof header};
    }
    struct buffer body = form(names, images, 12), fewer = form(names, images, 11);
    const struct bytes twelve = {body.data, body.size}, eleven = {fewer.data, fewer.size};
    call_refused(&call, service.api, "/predict", FORM, twelve, 413,
                 "50.3 megapixels where 50.0 are left of one answer's; ask for fewer images or labels, for a "
                 "'size' under 2048, or for 'attention' grid and no 'render'.");
    call_refused(&call, service.api, "/predict?attention=png&attention_for=all", FORM, eleven, 413,
                 "103.8 megapixels"); /* 11 of 2048 x 2048 and 55 of 1024 x 1024 */
    const struct bytes taken[] = {eleven, twelve};
    const char *const targets[] = {"/predict", "/predict?size=2000"};
    for (size_t i = 0; i < 2; i++) {
        call_run(&call, service.api, "POST", targets[i], FORM, taken[i]);
        ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
        ck_assert_str_eq(json_names(prediction(0)), "image,error"); /* it went as far as decoding */
        call_end(&call);
    }
    buffer_finish(&body);
    buffer_finish(&fewer);
}
END_TEST

/* What an engine keeps of it, and the PNG of it. */
START_TEST(it_is_paid_for)
{
    struct budget budget = {.limit_bytes = 1 << 20};
    struct arena *arena = arena_create_within(&budget);
    struct pictures pictures = {.arena = arena, .pixels_left = 100 * 80 + 100, .bytes_left = 1 << 20};
    const struct options options = {
        .attention = ATTENTION_NONE, .render_side = 50, .heads = (const bool[]){true, true, true}};
    const struct model_card *card = engine_card(service.engines[0]);
    struct failure failure;
    size_t kept_bytes = 0;
    ck_assert(!pictures_expect(&pictures, &options, card, &png, 1, &failure, &kept_bytes));
    ck_assert_uint_eq(kept_bytes, 50 * 40 * 3);
    ck_assert_uint_eq(budget.used_bytes, kept_bytes);
    uint8_t pixels[100 * 80 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7 + i / 100);
    const struct image image = {100, 80, pixels};
    struct json *object = json_object();
    ck_assert(!pictures_show(&pictures, &image, 100, &failure, object));
    ck_assert_uint_gt(budget.used_bytes, kept_bytes + strlen(json_text(json_member(object, "png"))));
    ck_assert_uint_eq(pictures.pixels_left, 100);
    ck_assert_int_eq(pictures_show(&pictures, &image, 100, &failure, object), STATUS_TOO_LARGE);
    json_destroy(&object);
    arena_destroy(&arena);
    ck_assert_uint_eq(budget.used_bytes, 0);
    budget.limit_bytes = 50 * 40 * 3 - 1;
    arena = pictures.arena = arena_create_within(&budget);
    ck_assert_int_eq(pictures_expect(&pictures, &options, card, &png, 1, &failure, &kept_bytes),
                     STATUS_TOO_LARGE);
    arena_destroy(&arena);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("render");
    tcase_set_timeout(cases, 60); /* a thread sanitizer draws slowly */
    tcase_add_checked_fixture(cases, inference_begin, inference_end);
    tcase_add_test(cases, nobody_gets_it_unasked);
    tcase_add_test(cases, every_form_of_a_request_gets_the_same_picture);
    tcase_add_test(cases, a_smaller_picture_averages_and_keeps_colours);
    tcase_add_test(cases, no_side_is_over_2048);
    tcase_add_test(cases, both_images_of_a_study_come);
    tcase_add_test(cases, an_image_that_fails_has_none);
    tcase_add_test(cases, too_many_are_refused_before_work);
    tcase_add_test(cases, it_is_paid_for);
    return suite_run("api/render", cases);
}
