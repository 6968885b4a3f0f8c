#include "server/guard.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct api_header headers[80];

/* A request whose headers are "Name: value" texts; most start with the Host. */
static enum status check(const char *method, const char *path, const char *version, const char *const *lines,
                         struct failure *failure, size_t *length)
{
    static char names[80][64];
    size_t count = 0;
    for (; lines[count]; count++) {
        size_t name = strcspn(lines[count], ":");
        memcpy(names[count], lines[count], name);
        names[count][name] = '\0';
        headers[count] = (struct api_header){names[count], lines[count] + name + 2};
    }
    struct api_request request = {.method = method, .path = path, .headers = headers, .header_count = count};
    return guard_check(&request, version, failure, length);
}
#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void accepted(const char *method, const char *version, const char *const *lines, size_t expected)
{
    struct failure failure = {0};
    size_t length = 99;
    ck_assert_msg(!check(method, "/predict", version, lines, &failure, &length), "%s", failure.sentence);
    ck_assert_uint_eq(length, expected);
}

static void refused(const char *method, const char *path, const char *const *lines, enum status status)
{
    struct failure failure = {0};
    size_t length = 99;
    ck_assert_msg(check(method, path, "1.1", lines, &failure, &length) == status, "%s %s: %s", path,
                  lines[0] ? lines[0] : "", failure.sentence);
    ck_assert_uint_eq(length, 99);
}

START_TEST(plain_requests_pass)
{
    accepted("GET", "1.1", LINES("Host: a"), 0);
    accepted("GET", "1.0", LINES("Accept: x"), 0);
    accepted("POST", "1.1", LINES("Host: a", "content-length: 0"), 0);
    accepted("POST", "1.1", LINES("Host: a", "Content-Length: 33554432"), 33554432);
    accepted("GET", "1.1", LINES("Host: a", "Content-Length: 007"), 7);
}
END_TEST

START_TEST(lengths_are_one_number_of_digits)
{
    refused("POST", "/", LINES("Host: a"), STATUS_LENGTH_REQUIRED);
    static const char *const wrong[] = {"Content-Length: +4", "Content-Length: 4, 4", "Content-Length: -1",
                                        "Content-Length: 4 ", "Content-Length: 0x4",  "Content-Length: "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused("POST", "/", LINES("Host: a", wrong[i]), STATUS_BAD_REQUEST);
    refused("POST", "/", LINES("Host: a", "Content-Length: 4", "Content-Length: 4"), STATUS_BAD_REQUEST);
    refused("GET", "/", LINES("Host: a", "Content-Length: 4", "content-length: 0"), STATUS_BAD_REQUEST);
}
END_TEST

START_TEST(bodies_are_bounded)
{
    refused("POST", "/", LINES("Host: a", "Content-Length: 33554433"), STATUS_TOO_LARGE);
    refused("POST", "/", LINES("Host: a", "Content-Length: 99999999999999999999999999"), STATUS_TOO_LARGE);
}
END_TEST

START_TEST(transfer_encodings_are_refused)
{
    refused("POST", "/", LINES("Host: a", "Transfer-Encoding: chunked"), STATUS_LENGTH_REQUIRED);
    refused("POST", "/", LINES("Host: a", "Content-Length: 4", "transfer-encoding: identity"),
            STATUS_LENGTH_REQUIRED);
    refused("GET", "/", LINES("Host: a", "Transfer-Encoding: x"), STATUS_LENGTH_REQUIRED);
}
END_TEST

START_TEST(there_is_one_host)
{
    refused("GET", "/", LINES("Accept: x"), STATUS_BAD_REQUEST);
    refused("GET", "/", LINES("Host: a", "HOST: b"), STATUS_BAD_REQUEST);
}
END_TEST

START_TEST(headers_are_counted)
{
    const char *lines[GUARD_HEADERS_MAX + 2] = {"Host: a"};
    for (int i = 1; i < GUARD_HEADERS_MAX; i++)
        lines[i] = "X: y";
    accepted("GET", "1.1", lines, 0);
    lines[GUARD_HEADERS_MAX] = "X: y";
    refused("GET", "/", lines, STATUS_HEADERS_TOO_LARGE);
    static char wide[GUARD_HEADER_BYTES_MAX + 4] = "X: ";
    memset(wide + 3, 'y', GUARD_HEADER_BYTES_MAX);
    refused("GET", "/", LINES("Host: a", wide), STATUS_HEADERS_TOO_LARGE);
}
END_TEST

START_TEST(targets_are_printable)
{
    static const char *const wrong[] = {"/a\r\nb", "/a b", "/\x7f", "/\xc3\xb6", "/%00", "/a%0d%0a", "/%7F"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused("GET", wrong[i], LINES("Host: a"), STATUS_BAD_REQUEST);
    char wide[API_TARGET_BYTES_MAX + 2];
    memset(wide, 'a', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    refused("GET", wide, LINES("Host: a"), STATUS_BAD_REQUEST);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("guard");
    tcase_add_test(cases, plain_requests_pass);
    tcase_add_test(cases, lengths_are_one_number_of_digits);
    tcase_add_test(cases, bodies_are_bounded);
    tcase_add_test(cases, transfer_encodings_are_refused);
    tcase_add_test(cases, there_is_one_host);
    tcase_add_test(cases, headers_are_counted);
    tcase_add_test(cases, targets_are_printable);
    return suite_run("server/guard", cases);
}
