#include "server/head.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[4 * HEAD_BYTES_MAX];

/* Parses a whole head. */
static enum status parse(const char *whole, struct failure *failure, struct head *out)
{
    size_t size = strlen(whole), at = 0;
    memcpy(text, whole, size + 1);
    ck_assert_int_eq(head_scan((struct bytes){(const uint8_t *)whole, size}, &at), HEAD_COMPLETE);
    ck_assert_uint_eq(at, size);
    return head_parse(text, size, failure, out);
}

static void accepted(const char *whole, struct head *out)
{
    struct failure failure = {0};
    ck_assert_msg(!parse(whole, &failure, out), "%s%s", whole, failure.sentence);
}

static void refused(const char *whole, enum status status)
{
    struct failure failure = {0};
    struct head head;
    ck_assert_msg(parse(whole, &failure, &head) == status, "%s%s", whole, failure.sentence);
    ck_assert_int_eq(failure.status, status);
}

#define GET  "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST /predict HTTP/1.1\r\nHost: a\r\n"

START_TEST(a_head_is_taken_apart)
{
    struct head head;
    accepted("POST /a/b?c=d&e HTTP/1.1\r\nHost:\ta \r\nX-Empty:\r\nContent-Length: 007\r\n\r\n", &head);
    ck_assert_str_eq(head.method, "POST");
    ck_assert_str_eq(head.path, "/a/b");
    ck_assert_str_eq(head.query, "c=d&e");
    ck_assert_uint_eq(head.field_count, 3);
    ck_assert_str_eq(head.fields[0].value, "a");
    ck_assert_str_eq(head.fields[1].value, "");
    ck_assert_int_eq(head.framing, BODY_SIZED);
    ck_assert_uint_eq(head.body_bytes, 7);
    accepted("GET http://a:80/x HTTP/1.1\r\nHost: a\r\n\r\n", &head);
    ck_assert_str_eq(head.path, "/x");
    ck_assert_ptr_null(head.query);
    ck_assert_int_eq(head.framing, BODY_NONE);
    accepted("GET / HTTP/1.0\r\n\r\n", &head);
    accepted(POST "content-length: 0\r\n\r\n", &head);
    ck_assert_int_eq(head.framing, BODY_NONE);
    accepted(POST "Content-Length: 33554432\r\n\r\n", &head);
    ck_assert_uint_eq(head.body_bytes, API_BODY_BYTES_MAX);
}
END_TEST

START_TEST(connections_are_kept_as_the_client_says)
{
    static const struct {
        const char *head;
        bool kept;
    } cases[] = {{GET "\r\n", true},
                 {GET "Connection: close\r\n\r\n", false},
                 {GET "Connection: x, Close\r\n\r\n", false},
                 {GET "Connection: keep-alive\r\nconnection: close\r\n\r\n", false},
                 {GET "Connection: closed\r\n\r\n", true},
                 {"GET / HTTP/1.0\r\n\r\n", false},
                 {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
                 {"GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct head head;
        accepted(cases[i].head, &head);
        ck_assert_msg(head.keeps_connection == cases[i].kept, "%s", cases[i].head);
    }
}
END_TEST

START_TEST(a_client_of_http_1_0_waits_for_nothing)
{
    struct head head;
    accepted(POST "Content-Length: 4\r\nExpect: 100-Continue\r\n\r\n", &head);
    ck_assert(head.expects_continue);
    accepted("POST / HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", &head);
    ck_assert(!head.expects_continue);
}
END_TEST

START_TEST(first_lines_are_strict)
{
    static const char *const wrong[] = {"GET  / HTTP/1.1",
                                        "GET /  HTTP/1.1",
                                        "GET / HTTP/1.1 ",
                                        "GET / HTTP/1.2",
                                        "GET / HTTP/2.0",
                                        "GET / HTTP/1",
                                        "GET / http/1.1",
                                        "GET /",
                                        "GET",
                                        "GET\t/ HTTP/1.1",
                                        "GET  HTTP/1.1",
                                        "G(T / HTTP/1.1",
                                        "GET a HTTP/1.1",
                                        "GET * HTTP/1.1",
                                        "GET /\x7f HTTP/1.1",
                                        "GET /\xc3\xb6 HTTP/1.1",
                                        "GET /%00 HTTP/1.1",
                                        "GET /a%0d HTTP/1.1",
                                        "GET /%7F HTTP/1.1",
                                        "GET http://a HTTP/1.1",
                                        "GET / HTTP/1.1\r",
                                        "METHODOF17LETTERS / HTTP/1.1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char whole[128];
        snprintf(whole, sizeof whole, "%s\r\nHost: a\r\n\r\n", wrong[i]);
        refused(whole, STATUS_BAD_REQUEST);
    }
}
END_TEST

START_TEST(fields_are_strict)
{
    static const char *const wrong[] = {"X",          ": y",          "X : y",   " X: y",
                                        "X: y\r\n z", "X\xc3\xa4: y", "X: \x01", "X: a\rb",
                                        "X: \x7f",    "X y: z",       "\tX: y",  "Host: b"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char whole[128];
        snprintf(whole, sizeof whole, GET "%s\r\n\r\n", wrong[i]);
        refused(whole, STATUS_BAD_REQUEST);
    }
    refused("GET / HTTP/1.1\r\nAccept: x\r\n\r\n", STATUS_BAD_REQUEST); /* no Host */
    struct failure failure = {0};
    struct head head;
    static const char nul[] = GET "X: a\0b\r\n\r\n";
    memcpy(text, nul, sizeof nul);
    ck_assert_int_eq(head_parse(text, sizeof nul - 1, &failure, &head), STATUS_BAD_REQUEST);
}
END_TEST

START_TEST(what_is_refused_is_quoted)
{
    static const char *const wrong[][2] = {
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "not 'HTTP/2.0'"},
        {POST "Content-Length: 4x\r\n\r\n", "The Content-Length '4x' is"},
        {POST "Content-Length: \xff\r\n\r\n", "The Content-Length '\\xff' is"},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n",
         "The Transfer-Encoding 'gzip, chunked' is not taken"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct failure failure = {0};
        struct head head;
        ck_assert(parse(wrong[i][0], &failure, &head));
        ck_assert_msg(strstr(failure.sentence, wrong[i][1]), "%s", failure.sentence);
    }
}
END_TEST

START_TEST(framing_is_strict)
{
    static const char *const wrong[] = {"Content-Length: +4",
                                        "Content-Length: 4, 4",
                                        "Content-Length: -1",
                                        "Content-Length: 0x4",
                                        "Content-Length: ",
                                        "Content-Length: 4\r\nContent-Length: 4",
                                        "Content-Length: 4\r\nTransfer-Encoding: chunked",
                                        "Transfer-Encoding: identity",
                                        "Transfer-Encoding: gzip, chunked",
                                        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                                        "Transfer-Encoding:"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char whole[256];
        snprintf(whole, sizeof whole, POST "%s\r\n\r\n", wrong[i]);
        refused(whole, STATUS_BAD_REQUEST);
    }
    refused(POST "\r\n", STATUS_LENGTH_REQUIRED);
    refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", STATUS_BAD_REQUEST);
    refused(POST "Content-Length: 33554433\r\n\r\n", STATUS_TOO_LARGE);
    refused(POST "Content-Length: 99999999999999999999999999\r\n\r\n", STATUS_TOO_LARGE);
    struct head head;
    accepted(POST "transfer-encoding: Chunked\r\n\r\n", &head);
    ck_assert_int_eq(head.framing, BODY_CHUNKED);
}
END_TEST

START_TEST(heads_are_bounded)
{
    static char whole[2 * HEAD_BYTES_MAX];
    struct head head;
    strcpy(whole, GET);
    for (int i = 1; i < HEAD_FIELDS_MAX; i++)
        strcat(whole, "X: y\r\n");
    strcat(whole, "\r\n");
    accepted(whole, &head);
    strcpy(whole + strlen(whole) - 2, "X: y\r\n\r\n");
    refused(whole, STATUS_HEADERS_TOO_LARGE);
    snprintf(whole, sizeof whole, GET "X: %0*d\r\n\r\n", HEAD_FIELD_BYTES_MAX, 0);
    refused(whole, STATUS_HEADERS_TOO_LARGE);
    snprintf(whole, sizeof whole, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", API_TARGET_BYTES_MAX, 0);
    refused(whole, STATUS_BAD_REQUEST);
}
END_TEST

START_TEST(what_is_known_of_a_bad_head_is_told)
{
    struct failure failure = {0};
    struct head head;
    ck_assert(
        parse("GET /v2/x HTTP/1.1\r\nHost: a\r\nOrigin: b\r\nContent-Length: +1\r\n\r\n", &failure, &head));
    ck_assert_str_eq(head.path, "/v2/x");
    ck_assert(parse("GET /%00 HTTP/1.1\r\nHost: a\r\nOrigin: b\r\n\r\n", &failure, &head));
    ck_assert_uint_eq(head.field_count, 2);
    ck_assert_str_eq(head.fields[1].value, "b");
}
END_TEST

/* The head's end is found wherever its bytes are cut, and what is behind it is left alone. */
START_TEST(ends_are_found_in_pieces)
{
    static const char whole[] = GET "X: y\r\n\r\nGET / HTTP/1.1\n\n";
    const size_t end = strlen(GET "X: y\r\n\r\n");
    for (size_t cut = 0; cut < sizeof whole; cut++) {
        size_t at = 0;
        enum head_progress progress = head_scan((struct bytes){(const uint8_t *)whole, cut}, &at);
        ck_assert_int_eq(progress, cut < end ? HEAD_INCOMPLETE : HEAD_COMPLETE);
        if (progress == HEAD_INCOMPLETE)
            progress = head_scan((struct bytes){(const uint8_t *)whole, sizeof whole - 1}, &at);
        ck_assert_int_eq(progress, HEAD_COMPLETE);
        ck_assert_uint_eq(at, end);
    }
    static const char *const wrong[] = {
        "\r\n", "\n", " GET", "\tGET", "(", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nX: y\n", "G\n", "\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t at = 0;
        const struct bytes bytes = {(const uint8_t *)wrong[i], strlen(wrong[i])};
        ck_assert_msg(head_scan(bytes, &at) == HEAD_MALFORMED, "%s", wrong[i]);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("head");
    tcase_add_test(cases, a_head_is_taken_apart);
    tcase_add_test(cases, connections_are_kept_as_the_client_says);
    tcase_add_test(cases, a_client_of_http_1_0_waits_for_nothing);
    tcase_add_test(cases, first_lines_are_strict);
    tcase_add_test(cases, fields_are_strict);
    tcase_add_test(cases, what_is_refused_is_quoted);
    tcase_add_test(cases, framing_is_strict);
    tcase_add_test(cases, heads_are_bounded);
    tcase_add_test(cases, what_is_known_of_a_bad_head_is_told);
    tcase_add_test(cases, ends_are_found_in_pieces);
    return suite_run("server/head", cases);
}
