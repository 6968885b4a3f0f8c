/* What clients make of a request with images: names, ids, codings and options as libraries write them. */
#include "api/base64.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FORM "multipart/form-data; boundary=b"
#define PART(disposition, content) \
    "--b\r\nContent-Disposition: form-data; " disposition "\r\n\r\n" content "\r\n"

static struct service service;
static struct call call;
static struct bytes png;
static char *base64;

static void begin(void)
{
    service_begin(&service, NULL);
    png = picture(100, 80);
    base64 = base64_encode(png);
}

static void end(void)
{
    call_budget = NULL;
    free(base64);
    free((void *)png.data);
    service_end(&service);
}

static void refused(const char *type, struct bytes body, int code, const char *words)
{
    call_refused(&call, service.api, "/predict?attention=none", type, body, code, words);
}

/* Posts JSON, in which %s stands for the base64, and expects this id of its first image. */
static void json_answered(const char *format, const char *id)
{
    size_t room = strlen(format) + strlen(base64) + 1;
    char *text = malloc(room);
    snprintf(text, room, format, base64);
    call_run(&call, service.api, "POST", "/predict?attention=none", "application/json", TEXT(text));
    ck_assert_msg(call.response.code == 200, "%s: %s", format, call_detail(&call));
    const struct json *image = json_member(json_first(json_member(call.json, "predictions")), "image");
    ck_assert_str_eq(json_text(json_member(image, "id")), id);
    call_end(&call);
    free(text);
}

/* Posts a form with the picture under this disposition and expects this id of it. */
static void form_answered(const char *disposition, const char *id)
{
    static const char head[] = "--b\r\nContent-Disposition: form-data; ";
    struct buffer body = {.maximum = 1 << 20};
    buffer_append(&body, head, sizeof head - 1);
    buffer_append(&body, disposition, strlen(disposition));
    buffer_append(&body, "\r\n\r\n", 4);
    buffer_append(&body, png.data, png.size);
    buffer_append(&body, "\r\n--b--", 7);
    call_run(&call, service.api, "POST", "/predict?attention=none", FORM,
             (struct bytes){body.data, body.size});
    ck_assert_msg(call.response.code == 200, "%s: %s", disposition, call_detail(&call));
    const struct json *image = json_member(json_first(json_member(call.json, "predictions")), "image");
    ck_assert_str_eq(json_text(json_member(image, "id")), id);
    call_end(&call);
    buffer_finish(&body);
}

START_TEST(file_names_become_ids)
{
    form_answered("name=image", "0");
    form_answered("name=image; filename=\"\"", "0");
    form_answered("name=image; filename=\"say \\\"aah\\\".png\"", "say \"aah\".png");
    form_answered("name=image; filename=\"M\xfcller\xff.png\"", "M\\xfcller\\xff.png");
    form_answered("name=image; filename=\"a\tb\x7f\"", "a\\x09b\\x7f");
    form_answered("name=image; filename=x; filename*=UTF-8''M%C3%BCller", "M\xc3\xbcller");
    char disposition[512], id[260] = "";
    memset(id, '\xe9', 256); /* as long as a name may be, however it is escaped */
    snprintf(disposition, sizeof disposition, "name=image; filename=\"%s\"", id);
    char escaped[256 * 4 + 1] = "";
    for (int i = 0; i < 256; i++)
        strcat(escaped, "\\xe9");
    form_answered(disposition, escaped);
    struct arena *arena = arena_create();
    char *body = arena_format(arena, PART("name=image; filename=\"%sx\"", "1") "--b--", id);
    refused(FORM, TEXT(body), 400, "The name of image 0 is longer than 256 bytes");
    arena_destroy(&arena);
}
END_TEST

START_TEST(a_file_under_another_name_is_told_its_own)
{
    static const char *const wrong[] = {
        PART("name=file; filename=a.png", "1") "--b--",
        PART("name=heads", "findings") PART("name=file", "\x89PNG\r\n\x1a\n") PART("name=hat", "1") "--b--",
        PART("name=file; filename=\"\"", "") PART("name=file; filename=b", "") "--b--",
    };
    static const char *const lists[] = {"has: file.", "has: heads, file, hat.", "has: file."};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refused(FORM, TEXT(wrong[i]), 400, "The form field 'file' holds a file; send it as 'image'.");
        refused(FORM, TEXT(wrong[i]), 400, lists[i]);
    }
    refused(FORM, TEXT(PART("name=\"images[]\"; filename=a", "1") "--b--"), 400, "'images[]' holds a file");
    refused(FORM, TEXT(PART("name=hat", "x") "--b--"), 400, "Unknown option 'hat'");
    refused(FORM, TEXT(PART("name=heads", "a\nb") "--b--"), 400,
            "'heads' is not one line of UTF-8 text of at most 8192 bytes");
    refused(FORM, TEXT(PART("name=heads", "findings") "--b--"), 400,
            "no image: add a form part named 'image'. The form has: heads.");
    refused(FORM, TEXT("--b--"), 400, "The form has: none.");
}
END_TEST

START_TEST(json_comes_as_libraries_write_it)
{
    json_answered("{\"images\":[{\"data\":\"%s\"}]}", "0");
    json_answered("{\"images\":[{\"id\":null,\"data\":\"%s\"}]}", "0");
    json_answered("{\"images\":[{\"data\":\"data:image/png;base64,%s\"}]}", "0");
    json_answered("{\"images\":[{\"data\":\"%s\\r\\n\",\"id\":\"a\\u00e9\"}]}", "a\xc3\xa9");
    json_answered("{\"images\":[{\"data\":\"%s\"}],\"heads\":[\"cardiac\",\"findings\"]}", "0");
    refused("application/json", TEXT("{\"images\":[{\"data\":\"\",\"id\":\"a\\u0000b\"}]}"), 400, "NUL");
    refused("application/json", TEXT("{\"images\":[{\"data\":\"AAAA\\u0000\"}]}"), 400, "NUL");
    refused("application/json", TEXT("{\"images\":[{\"data\":\"\",\"data\":\"\"}]}"), 400,
            "the name 'data' twice");
    static const char *const wrong[] = {"{}", "{\"a\":1}", "[1]", "[[\"a\"]]"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"images\":[{\"data\":\"\"}],\"heads\":%s}", wrong[i]);
        refused("application/json", TEXT(body), 400,
                "The option 'heads' must be a text, a number, true, false or an array of texts.");
    }
    refused("application/json", TEXT("{\"images\":[{\"data\":\"\"}],\"heads\":\"a\",\"heads\":\"b\"}"), 400,
            "twice");
    refused("application/json", TEXT("{\"images\":[{\"data\":\"\",\"id\":5}]}"), 400, "images[0] must be");
}
END_TEST

/* Texts of `count` x in JSON: as the id, as an option, as an option's array. */
START_TEST(long_texts_are_refused)
{
    static const struct {
        const char *format, *words;
        int longest;
    } texts[] = {
        {"{\"images\":[{\"data\":\"\",\"id\":\"%s\"}]}", "longer than 256 bytes", 256},
        {"{\"images\":[{\"data\":\"\"}],\"model\":\"%s\"}", "'model' is longer than 8192 bytes", 8192},
        {"{\"images\":[{\"data\":\"\"}],\"heads\":[\"%s\"]}", "'heads' is longer than 8192 bytes", 8192}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int more = 0; more < 2; more++) {
            char x[8200] = "", body[8400];
            memset(x, 'x', (size_t)(texts[i].longest + more));
            snprintf(body, sizeof body, texts[i].format, x);
            call_run(&call, service.api, "POST", "/predict", "application/json", TEXT(body));
            ck_assert_msg(!strstr(call_detail(&call), texts[i].words) == !more, "%s", call_detail(&call));
            call_end(&call);
        }
}
END_TEST

START_TEST(a_body_of_empty_texts_is_refused_at_once)
{
    enum { SIZE = 3 << 20 };
    char *body = malloc(SIZE + 64), *at = stpcpy(body, "{\"images\":[\"\"");
    while (at < body + SIZE)
        at = stpcpy(at, ",\"\"");
    strcpy(at, "]}");
    refused("application/json", TEXT(body), 400, "more than 4096 values");
    free(body);
}
END_TEST

/* A request needs its body, and while it is read a copy of JSON's texts. */
START_TEST(what_a_request_takes_is_charged)
{
    struct budget budget = {.limit_bytes = 100000};
    size_t room = strlen(base64) + 64, length;
    char *json = malloc(room);
    length = (size_t)snprintf(json, room, "{\"images\":[{\"data\":\"%s\"}]}", base64);
    call_budget = &budget;
    budget.limit_bytes = 2 * length - 1;
    refused("application/json", TEXT(json), 413, "more memory than the service may hold");
    budget.limit_bytes = 2 * length + 8000; /* and the answer */
    json_answered("{\"images\":[{\"data\":\"%s\"}]}", "0");
    ck_assert_uint_eq(budget.used_bytes, 0);
    budget.limit_bytes = png.size + 500;
    refused("image/png", png, 413,
            "more memory than the service may hold"); /* the answer is more than that */
    free(json);
}
END_TEST

/* Packs into memory the caller frees. */
static struct bytes packed(struct bytes plain, int level)
{
    uLong most = compressBound(plain.size) + 64;
    uint8_t *out = malloc(most);
    z_stream stream = {.next_in = (Bytef *)plain.data,
                       .avail_in = (uInt)plain.size,
                       .next_out = out,
                       .avail_out = (uInt)most};
    ck_assert_int_eq(deflateInit2(&stream, level, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t size = stream.total_out;
    deflateEnd(&stream);
    return (struct bytes){out, size};
}

static int coded(const char *coding, struct bytes body)
{
    const struct api_header headers[] = {{"Content-Type", "image/png"}, {"Content-Encoding", coding}};
    call_run_headers(&call, service.api, "POST", "/predict?attention=none", headers, 2, body);
    return call.response.code;
}

START_TEST(gzip_is_unpacked)
{
    static const char *const taken[] = {"gzip", "x-gzip", "GZIP"}, *const not [] = {"deflate", "br",
                                                                                    "gzip, gzip"};
    struct bytes small = packed(png, 9);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(coded(taken[i], small), 200);
        call_end(&call);
        ck_assert_int_eq(coded(not [i], small), 415);
        ck_assert_ptr_nonnull(strstr(call_detail(&call), "gzip once"));
        call_end(&call);
    }
    const struct api_header twice[] = {
        {"Content-Type", "image/png"}, {"Content-Encoding", "gzip"}, {"Content-Encoding", "gzip"}};
    call_run_headers(&call, service.api, "POST", "/predict", twice, 3, small);
    ck_assert_int_eq(call.response.code, 415);
    call_end(&call);
    ck_assert_int_eq(coded("identity", png), 200);
    call_end(&call);
    free((void *)small.data);
}
END_TEST

START_TEST(gzip_that_is_damaged_or_a_bomb_is_refused)
{
    struct bytes small = packed(png, 6), empty = packed((struct bytes){0}, 6);
    uint8_t *wrong = malloc(small.size + 1), *zeros = calloc(33, 1 << 20);
    for (size_t size = 0; size < small.size; size += 1 + size / 20) {
        ck_assert_int_eq(coded("gzip", (struct bytes){small.data, size}) / 100, 4);
        call_end(&call);
    }
    for (size_t i = 0; i < small.size; i += 7) {
        memcpy(wrong, small.data, small.size);
        wrong[i] ^= 0x10;
        int code = coded("gzip", (struct bytes){wrong, small.size});
        ck_assert_msg(code == 400 || code == 413 || i < 10, "byte %zu: %d", i,
                      code); /* before: time, flags */
        call_end(&call);
    }
    memcpy(wrong, small.data, small.size);
    wrong[small.size] = 0;
    ck_assert_int_eq(coded("gzip", (struct bytes){wrong, small.size + 1}), 400);
    call_end(&call);
    ck_assert_int_eq(coded("gzip", empty), 422); /* the image is empty */
    call_end(&call);
    static const struct {
        size_t size;
        const char *words;
    } bombs[] = {{33 << 20, "over 32 MiB when it is unpacked"}, {32 << 20, "over 100 times its size"}};
    for (int i = 0; i < 2; i++) {
        struct bytes bomb = packed((struct bytes){zeros, bombs[i].size}, 9);
        ck_assert_int_eq(coded("gzip", bomb), 413);
        ck_assert_ptr_nonnull(strstr(call_detail(&call), bombs[i].words));
        call_end(&call);
        free((void *)bomb.data);
    }
    struct budget budget = {.limit_bytes = small.size + png.size - 1};
    call_budget = &budget;
    ck_assert_int_eq(coded("gzip", small), 413);
    call_end(&call);
    ck_assert_uint_eq(budget.used_bytes, 0);
    free(zeros);
    free(wrong);
    free((void *)small.data);
    free((void *)empty.data);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("forms");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, file_names_become_ids);
    tcase_add_test(cases, a_file_under_another_name_is_told_its_own);
    tcase_add_test(cases, json_comes_as_libraries_write_it);
    tcase_add_test(cases, long_texts_are_refused);
    tcase_add_test(cases, a_body_of_empty_texts_is_refused_at_once);
    tcase_add_test(cases, what_a_request_takes_is_charged);
    tcase_add_test(cases, gzip_is_unpacked);
    tcase_add_test(cases, gzip_that_is_damaged_or_a_bomb_is_refused);
    return suite_run("api/forms", cases);
}
