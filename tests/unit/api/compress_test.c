#include "api/compress.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

START_TEST(gzip_is_taken_when_it_is_accepted)
{
    static const char *const yes[] = {
        "gzip", "GZIP",        "x-gzip",          "deflate, gzip",    "gzip;q=0.5", "gzip; q=0.001",
        "*",    "br, *;q=0.1", "*;q=0, gzip;q=1", "gzip;q=1.0,*;q=0", ",, gzip",    "identity,gzip"};
    static const char *const no[] = {
        NULL,           "",          "identity",    "br, deflate", "gzip;q=0", "gzip; q=0.0",
        "gzip;q=0.000", "*;q=0",     "gzip;q=0, *", "x-gzip;q=0.", "gzipped",  "notgzip",
        "deflate;gzip", "gzip ; Q=0"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        ck_assert_msg(compress_is_accepted(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        ck_assert_msg(!compress_is_accepted(no[i]), "%s", no[i] ? no[i] : "none");
}
END_TEST

static struct service service;
static struct call call;

static void begin(void)
{
    service_begin(&service, NULL);
}

static void end(void)
{
    service_end(&service);
}

START_TEST(an_unpacked_answer_is_the_plain_one)
{
    const struct api_header header = {"Accept-Encoding", "gzip"};
    static const char *const targets[] = {"/openapi.json", "/openapi.yaml", "/metrics", "/models"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct call plain;
        /* Numbers of the process are those of the moment. */
        bool moves = !strcmp(targets[i], "/metrics");
        call_run(&plain, service.api, "GET", targets[i], NULL, (struct bytes){0});
        ck_assert_ptr_null(call_header(&plain, "Content-Encoding"));
        ck_assert_str_eq(call_header(&plain, "Vary"), "Accept-Encoding");
        call_run_headers(&call, service.api, "GET", targets[i], &header, 1, (struct bytes){0});
        ck_assert_str_eq(call_header(&call, "Content-Encoding"), "gzip");
        ck_assert_str_eq(call_header(&call, "Vary"), "Accept-Encoding");
        ck_assert_uint_lt(call.response.body.size, plain.response.body.size);
        const size_t room = plain.response.body.size + 64;
        uint8_t *unpacked = malloc(room);
        z_stream stream = {.next_in = (Bytef *)call.response.body.data,
                           .avail_in = (uInt)call.response.body.size,
                           .next_out = unpacked,
                           .avail_out = (uInt)room};
        ck_assert_int_eq(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
        ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
        if (!moves)
            ck_assert_uint_eq(stream.total_out, plain.response.body.size);
        ck_assert(!memcmp(unpacked, plain.response.body.data, moves ? 64 : stream.total_out));
        inflateEnd(&stream);
        free(unpacked);
        call_end(&plain);
        call_end(&call);
    }
}
END_TEST

START_TEST(what_is_short_or_no_text_stays_as_it_is)
{
    const struct api_header header = {"Accept-Encoding", "gzip"};
    call_run_headers(&call, service.api, "GET", "/version", &header, 1, (struct bytes){0});
    ck_assert_uint_eq(call.response.header_count, 0);
    call_end(&call);
    struct budget budget = {.limit_bytes = COMPRESS_BYTES_MAX + COMPRESS_BYTES_MAX / 2};
    struct api_request request = {
        .headers = &header, .header_count = 1, .arena = arena_create_within(&budget)};
    static uint8_t bytes[COMPRESS_BYTES_MAX + 1];
    static const struct {
        const char *type;
        size_t size;
    } kept[] = {{"application/json", COMPRESS_BYTES_MIN},
                {"application/json", COMPRESS_BYTES_MAX + 1},
                {"application/octet-stream", 4096},
                {NULL, 0}};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct api_response response = {.content_type = kept[i].type, .body = {bytes, kept[i].size}};
        compress_apply(&request, &response);
        ck_assert_ptr_eq(response.body.data, bytes);
        ck_assert(!response.varies_by_encoding);
    }
    struct api_response longest = {.content_type = "application/json", .body = {bytes, COMPRESS_BYTES_MAX}};
    compress_apply(&request, &longest);
    ck_assert_uint_lt(longest.body.size, COMPRESS_BYTES_MAX / 50);
    api_response_finish(&longest);
    struct api_response unpaid = {.content_type = "application/json", .body = {bytes, COMPRESS_BYTES_MAX}};
    compress_apply(&request, &unpaid); /* the first one's is in the budget still */
    ck_assert_ptr_eq(unpaid.body.data, bytes);
    ck_assert_uint_eq(unpaid.header_count, 0);
    ck_assert(unpaid.varies_by_encoding);
    arena_destroy(&request.arena);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("compress");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, gzip_is_taken_when_it_is_accepted);
    tcase_add_test(cases, an_unpacked_answer_is_the_plain_one);
    tcase_add_test(cases, what_is_short_or_no_text_stays_as_it_is);
    return suite_run("api/compress", cases);
}
