#include "server/address.h"
#include "tests/unit/suite.h"

#include <arpa/inet.h>
#include <check.h>
#include <string.h>
#include <unistd.h>

/* A connected pair on the loopback: the far end's address is 127.0.0.1. */
static int client = -1, served = -1;

static void begin(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert(!bind(listening, (struct sockaddr *)&at, sizeof at) && !listen(listening, 1));
    ck_assert(!getsockname(listening, (struct sockaddr *)&at, &size));
    client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert(!connect(client, (struct sockaddr *)&at, sizeof at));
    served = accept(listening, NULL, NULL);
    ck_assert_int_ge(served, 0);
    close(listening);
}

static void end(void)
{
    close(client);
    close(served);
}

static void check(const char *proxies, const char *first, const char *second, const char *expected)
{
    struct failure failure = {0};
    struct address_policy policy = {.logged = true};
    const struct api_header headers[] = {{"X-Forwarded-For", first}, {"x-forwarded-for", second}};
    const struct api_request request = {.headers = headers, .header_count = !!first + (size_t) !!second};
    char address[ADDRESS_BYTES];
    ck_assert_msg(!address_read_proxies(proxies, &failure, &policy), "%s", failure.sentence);
    address_of_client(&policy, served, &request, address);
    ck_assert_str_eq(address, expected);
}

START_TEST(who_is_not_trusted_is_not_believed)
{
    check(NULL, NULL, NULL, "127.0.0.1");
    check(NULL, "1.2.3.4", NULL, "127.0.0.1");
    check("10.0.0.0/8", "1.2.3.4", NULL, "127.0.0.1");
}
END_TEST

START_TEST(trusted_proxies_are_followed_from_the_end)
{
    check("127.0.0.1", "1.2.3.4", NULL, "1.2.3.4");
    check("127.0.0.0/8", "6.6.6.6, 1.2.3.4", NULL, "1.2.3.4");
    check("127.0.0.0/8, 10.0.0.0/8", "6.6.6.6, 1.2.3.4,10.1.1.1", NULL, "1.2.3.4");
    check("127.0.0.0/8,10.0.0.0/8", "6.6.6.6, 1.2.3.4", "10.1.1.1", "1.2.3.4");
    check("127.0.0.1/32,2001:db8::/32", "::1, 2001:db8:1::1", NULL, "::1");
    check("127.0.0.1", "garbage", NULL, "127.0.0.1");
    check("127.0.0.1", "", NULL, "127.0.0.1");
    check("127.0.0.1,10.0.0.0/7", "garbage, 11.0.0.1", NULL, "11.0.0.1");
    check("0.0.0.0/0", "1.2.3.4, 5.6.7.8", NULL, "1.2.3.4");
    check("127.0.0.1,2001:db8::/32", "unknown, 2001:db8::c0a8:101", NULL, "2001:db8::c0a8:101");
    check("127.0.0.1,2001:db8::/32", "203.0.113.9:51234, 2001:db8::1", NULL, "2001:db8::1");
}
END_TEST

START_TEST(nothing_is_logged_unless_it_is_asked_for)
{
    const struct address_policy policy = {0};
    const struct api_request request = {0};
    char address[ADDRESS_BYTES] = "x";
    address_of_client(&policy, served, &request, address);
    ck_assert_str_eq(address, "");
}
END_TEST

START_TEST(where_to_listen_is_an_address_and_a_port)
{
    static const struct {
        const char *text, *host;
        int port;
    } right[] = {{"127.0.0.1:8080", "127.0.0.1", 8080},
                 {"localhost:0", "localhost", 0},
                 {"[::]:00080", "::", 80},
                 {"[fe80::1%eth0]:65535", "fe80::1%eth0", 65535}};
    static const char *const wrong[] = {"",     "8080",   ":8080", "a:",       "a:65536", "a:-1",
                                        "a:8x", "::1:80", "[]:80", "a:000080", "[::1]"};
    char host[ADDRESS_HOST_BYTES], longest[ADDRESS_HOST_BYTES + 8];
    int port = -1;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        ck_assert_msg(address_split(right[i].text, host, &port), "%s", right[i].text);
        ck_assert_str_eq(host, right[i].host);
        ck_assert_int_eq(port, right[i].port);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!address_split(wrong[i], host, &port), "%s", wrong[i]);
    ck_assert(!address_split(NULL, host, &port));
    memset(longest, 'a', sizeof longest);
    strcpy(longest + ADDRESS_HOST_BYTES - 1, ":80");
    ck_assert(address_split(longest, host, &port));
    strcpy(longest + ADDRESS_HOST_BYTES, ":80");
    ck_assert(!address_split(longest, host, &port));
}
END_TEST

START_TEST(proxies_are_addresses)
{
    static const char *const wrong[] = {"a",      "10.0.0.0/33", "10.0.0.0/",  "10.0.0.0/x",
                                        "::/129", "10.0.0/8",    "10.0.0.0/-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct failure failure = {0};
        struct address_policy policy = {0};
        ck_assert_msg(address_read_proxies(wrong[i], &failure, &policy) == STATUS_BAD_REQUEST, "%s",
                      wrong[i]);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("address");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, who_is_not_trusted_is_not_believed);
    tcase_add_test(cases, trusted_proxies_are_followed_from_the_end);
    tcase_add_test(cases, nothing_is_logged_unless_it_is_asked_for);
    tcase_add_test(cases, where_to_listen_is_an_address_and_a_port);
    tcase_add_test(cases, proxies_are_addresses);
    return suite_run("server/address", cases);
}
