#include "server/response.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct api_request request = {
    .id = "one",
    .trace = {.id = "4bf92f3577b34da6a3ce929d0e0e4736", .span = "00f067aa0ba902b7", .sampled = true}};

static void expect(const struct api_response *response, bool reuse, const char *text)
{
    struct buffer head = response_head(&request, response, reuse);
    ck_assert(buffer_append(&head, "", 1));
    ck_assert_str_eq((const char *)head.data, text);
    buffer_finish(&head);
}

#define TAIL                                                                                        \
    "X-Request-Id: one\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n" \
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: "

START_TEST(a_head_has_a_line_for_each_thing_said)
{
    struct api_response response = {
        .code = 429,
        .status = STATUS_TOO_MANY_REQUESTS,
        .content_type = "application/problem+json",
        .body = {(const uint8_t *)"12345", 5},
        .retry_after_s = 7,
        .headers = {{"Vary", "Origin"}, {"Access-Control-Allow-Origin", "*"}},
        .header_count = 2,
    };
    expect(&response, false,
           "HTTP/1.1 429 Too many requests\r\nContent-Type: application/problem+json\r\nContent-Length: 5\r\n"
           "Retry-After: 7\r\nVary: Origin\r\nAccess-Control-Allow-Origin: *\r\n" TAIL "close\r\n\r\n");
}
END_TEST

START_TEST(the_reason_is_the_statuss_own)
{
    struct api_response response = {.code = 500, .status = STATUS_NOT_FINITE};
    expect(&response, false, "HTTP/1.1 500 Answer not finite\r\nContent-Length: 0\r\n" TAIL "close\r\n\r\n");
}
END_TEST

START_TEST(an_answer_without_content_has_no_length)
{
    struct api_response response = {.code = 204, .allow = "GET, HEAD, OPTIONS"};
    expect(&response, true,
           "HTTP/1.1 204 No Content\r\nAllow: GET, HEAD, OPTIONS\r\n" TAIL "keep-alive\r\n\r\n");
}
END_TEST

START_TEST(the_fullest_head_fits)
{
    struct api_request full = request;
    memset(full.id, 'a', API_REQUEST_ID_BYTES_MAX);
    char value[401] = "";
    memset(value, 'v', sizeof value - 1);
    struct api_response response = {.code = 200,
                                    .content_type = "application/json",
                                    .allow = value,
                                    .header_count = API_RESPONSE_HEADERS_MAX};
    for (size_t i = 0; i < API_RESPONSE_HEADERS_MAX; i++)
        response.headers[i] = (struct api_header){"Access-Control-Expose-Headers", value};
    struct buffer head = response_head(&full, &response, true);
    ck_assert_uint_gt(head.size, API_RESPONSE_HEADERS_MAX * 400);
    ck_assert(!memcmp(head.data + head.size - 26, "Connection: keep-alive\r\n\r\n", 26));
    buffer_finish(&head);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("response");
    tcase_add_test(cases, a_head_has_a_line_for_each_thing_said);
    tcase_add_test(cases, the_reason_is_the_statuss_own);
    tcase_add_test(cases, an_answer_without_content_has_no_length);
    tcase_add_test(cases, the_fullest_head_fits);
    return suite_run("server/response", cases);
}
