#include "tests/unit/api/inference.h"

#include "api/base64.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct service service;
struct call call;
struct bytes png;
char *base64;

void inference_begin(void)
{
    service_begin(&service, NULL);
    png = picture(100, 80);
    base64 = base64_encode(png);
}

void inference_end(void)
{
    free(base64);
    free((void *)png.data);
    service_end(&service);
}

/* Posts a format in which each %s stands for the picture's base64. */
void infer(const char *target, const char *format)
{
    size_t room = strlen(format) + 4 * strlen(base64) + 1;
    char *text = malloc(room);
    snprintf(text, room, format, base64, base64, base64, base64);
    call_run(&call, service.api, "POST", target, "application/json",
             (struct bytes){(const uint8_t *)text, strlen(text)});
    free(text);
}

const char *inference_error(void)
{
    const char *text = json_text(json_member(call.json, "error"));
    return text ? text : "";
}

const struct json *inference_output(const char *name)
{
    for (const struct json *at = json_first(json_member(call.json, "outputs")); at; at = json_next(at))
        if (!strcmp(json_text(json_member(at, "name")), name))
            return at;
    return NULL;
}

double json_value(const struct json *value)
{
    double out = NAN;
    ck_assert(json_number(value, &out));
    return out;
}

void infer_binary(const char *json, struct bytes behind, const char *told)
{
    char size[24];
    snprintf(size, sizeof size, "%zu", strlen(json));
    const struct api_header headers[] = {{"Content-Type", "application/octet-stream"},
                                         {"Inference-Header-Content-Length", told ? told : size}};
    struct buffer body = {.maximum = 1 << 24};
    buffer_append(&body, json, strlen(json));
    buffer_append(&body, behind.data, behind.size);
    call_run_headers(&call, service.api, "POST", INFER, headers, 2, (struct bytes){body.data, body.size});
    buffer_finish(&body);
}

struct buffer elements(int count)
{
    struct buffer tensor = {.maximum = 1 << 24};
    const uint8_t size[4] = {(uint8_t)png.size, (uint8_t)(png.size >> 8), (uint8_t)(png.size >> 16), 0};
    for (int i = 0; i < count; i++) {
        buffer_append(&tensor, size, 4);
        buffer_append(&tensor, png.data, png.size);
    }
    return tensor;
}
