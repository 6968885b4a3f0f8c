/* `attention=contour`: the rings of each map, in every form of a request. */
#include "api/base64.h"
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/inference.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct json *map_of(size_t number)
{
    const struct json *prediction = json_first(json_member(call.json, "predictions"));
    return json_item(json_member(prediction, "attention_maps"), number);
}

static double number_of(size_t number, const char *object, const char *name)
{
    return json_value(json_member(json_member(map_of(number), object), name));
}

/* The fake engine's maps of an image of 100 x 80 peak in one of 4 x 4 cells of 20 x 20 pixels, over the
 * middle 80 columns. */
START_TEST(each_map_has_a_ring_around_its_peak)
{
    call_run(&call, service.api, "POST", "/predict?attention=contour&attention_for=all", "image/png", png);
    ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
    for (size_t i = 0; i < 5; i++) {
        ck_assert_str_eq(json_names(map_of(i)), "head,label,level,contours,peak");
        ck_assert_double_eq(json_value(json_member(map_of(i), "level")), 0.5);
        const struct json *rings = json_member(map_of(i), "contours");
        ck_assert_uint_eq(json_length(rings), 1);
        double left = 1e9, right = 0, top = 1e9, bottom = 0;
        for (const struct json *point = json_first(json_first(rings)); point; point = json_next(point)) {
            ck_assert_uint_eq(json_length(point), 2);
            const double x = json_value(json_item(point, 0)), y = json_value(json_item(point, 1));
            left = fmin(left, x), right = fmax(right, x), top = fmin(top, y), bottom = fmax(bottom, y);
        }
        const double x = number_of(i, "peak", "x"), y = number_of(i, "peak", "y");
        ck_assert(left >= 10 && right <= 90 && top >= 0 && bottom <= 80);
        ck_assert(left < x && x < right && top < y && y < bottom);
        ck_assert(right - left <= 21 && bottom - top <= 21);
    }
    call_end(&call);
}
END_TEST

START_TEST(every_form_of_a_request_takes_the_level)
{
    char *json = malloc(strlen(base64) + 200), *printed[3] = {NULL};
    sprintf(json, "{\"images\":[{\"data\":\"%s\"}],\"attention\":\"contour\",\"level\":0.25}", base64);
    struct buffer form = {.maximum = 1 << 20};
    static const char
        head[] = "--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n",
        tail[] = "\r\n--b\r\nContent-Disposition: form-data; name=\"attention\"\r\n\r\ncontour\r\n--b\r\n"
                 "Content-Disposition: form-data; name=\"level\"\r\n\r\n0.25\r\n--b--\r\n";
    buffer_append(&form, head, strlen(head));
    buffer_append(&form, png.data, png.size);
    buffer_append(&form, tail, strlen(tail));
    const struct {
        const char *target, *type;
        struct bytes body;
    } requests[] = {{"/predict?attention=contour&level=0.25", "image/png", png},
                    {"/predict", "multipart/form-data; boundary=b", {form.data, form.size}},
                    {"/v1/predict", "application/json", {(const uint8_t *)json, strlen(json)}}};
    for (size_t i = 0; i < 3; i++) {
        call_run(&call, service.api, "POST", requests[i].target, requests[i].type, requests[i].body);
        ck_assert_msg(call.response.code == 200, "%s", call_detail(&call));
        ck_assert_double_eq(json_value(json_member(map_of(0), "level")), 0.25);
        printed[i] = json_print(map_of(0), false);
        ck_assert_str_eq(printed[i], printed[0]);
        call_end(&call);
    }
    call_run(&call, service.api, "POST", "/predict?attention=contour", "image/png", png);
    char *other = json_print(json_member(map_of(0), "contours"), false);
    ck_assert_ptr_null(strstr(printed[0], other)); /* another level, another line */
    call_end(&call);
    call_refused(&call, service.api, "/predict?level=1.5", "image/png", png, 400, "over 0 and under 1");
    free(other);
    for (size_t i = 0; i < 3; i++)
        free(printed[i]);
    free(json);
    buffer_finish(&form);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("contour");
    tcase_add_checked_fixture(cases, inference_begin, inference_end);
    tcase_add_test(cases, each_map_has_a_ring_around_its_peak);
    tcase_add_test(cases, every_form_of_a_request_takes_the_level);
    return suite_run("api/contour", cases);
}
