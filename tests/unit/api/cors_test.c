#include "api/cors.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

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

static void allow(const char *origins)
{
    struct failure failure = {0};
    ck_assert_msg(!api_allow_origins(service.api, origins, &failure), "%s", failure.sentence);
}

static void ask(const char *method, const char *target, const char *origin)
{
    const struct api_header headers[] = {{"Access-Control-Request-Method", "POST"}, {"Origin", origin}};
    call_run_headers(&call, service.api, method, target, headers, origin ? 2 : 1, (struct bytes){0});
}

static void expect(const char *name, const char *value)
{
    const char *found = call_header(&call, name);
    ck_assert_msg(found ? value && !strcmp(found, value) : !value, "%s: %s", name, found ? found : "none");
}

START_TEST(it_is_off_unless_asked_for)
{
    static const char *const methods[] = {"GET", "OPTIONS"};
    for (int i = 0; i < 2; i++) {
        ask(methods[i], "/version", "https://a.example");
        ck_assert_uint_eq(call.response.header_count, 0);
        call_end(&call);
    }
}
END_TEST

START_TEST(listed_origins_are_let_in)
{
    allow("https://a.example, http://127.0.0.1:3000");
    ask("GET", "/version", "http://127.0.0.1:3000");
    expect("Access-Control-Allow-Origin", "http://127.0.0.1:3000");
    expect("Vary", "Origin");
    ck_assert_ptr_nonnull(strstr(call_header(&call, "Access-Control-Expose-Headers"), "X-Request-Id"));
    expect("Access-Control-Allow-Methods", NULL);
    call_end(&call);
    ask("GET", "/nothing", "https://a.example"); /* errors are for the page too */
    expect("Access-Control-Allow-Origin", "https://a.example");
    call_end(&call);
}
END_TEST

START_TEST(others_are_answered_and_told_nothing)
{
    static const char *const others[] = {"https://b.example",
                                         "https://a.example.evil",
                                         "https://a.example:443",
                                         "http://a.example",
                                         "https://A.example",
                                         "null",
                                         "https://a.example/path",
                                         "",
                                         NULL};
    allow("https://a.example");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ask("GET", "/version", others[i]);
        ck_assert_int_eq(call.response.code, 200);
        expect("Access-Control-Allow-Origin", NULL);
        expect("Access-Control-Expose-Headers", NULL);
        expect("Vary", "Origin");
        call_end(&call);
        ask("OPTIONS", "/predict", others[i]);
        ck_assert_int_eq(call.response.code, 204);
        expect("Access-Control-Allow-Methods", NULL);
        call_end(&call);
    }
}
END_TEST

START_TEST(a_preflight_is_answered)
{
    allow("https://a.example");
    ask("OPTIONS", "/predict", "https://a.example");
    ck_assert_int_eq(call.response.code, 204);
    expect("Access-Control-Allow-Origin", "https://a.example");
    expect("Access-Control-Allow-Methods", "POST, OPTIONS");
    expect("Access-Control-Max-Age", "600");
    ck_assert_ptr_nonnull(strstr(call_header(&call, "Access-Control-Allow-Headers"), "X-API-Key"));
    call_end(&call);
}
END_TEST

START_TEST(a_star_is_for_all_and_varies_by_nothing)
{
    allow("*");
    ask("GET", "/version", "https://any.example");
    expect("Access-Control-Allow-Origin", "*");
    expect("Vary", NULL);
    call_end(&call);
}
END_TEST

START_TEST(what_is_no_origin_is_refused)
{
    static const char *const wrong[] = {
        "",     ",",           "a.example",           "https://a.example/",  "https://",
        "://a", "https://a b", "*,https://a.example", "https://a.example?x", "null"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct failure failure = {0};
        ck_assert_msg(api_allow_origins(service.api, wrong[i], &failure) == STATUS_BAD_REQUEST, "%s",
                      wrong[i]);
    }
    struct failure failure = {0};
    char longest[CORS_ORIGIN_BYTES_MAX + 2] = "https://";
    memset(longest + 8, 'a', CORS_ORIGIN_BYTES_MAX - 7);
    ck_assert_int_eq(api_allow_origins(service.api, longest, &failure), STATUS_BAD_REQUEST);
    longest[CORS_ORIGIN_BYTES_MAX] = 0;
    allow(longest);
    ask("GET", "/models", longest);
    expect("Access-Control-Allow-Origin", longest);
    call_end(&call);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("cors");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, it_is_off_unless_asked_for);
    tcase_add_test(cases, listed_origins_are_let_in);
    tcase_add_test(cases, others_are_answered_and_told_nothing);
    tcase_add_test(cases, a_preflight_is_answered);
    tcase_add_test(cases, a_star_is_for_all_and_varies_by_nothing);
    tcase_add_test(cases, what_is_no_origin_is_refused);
    return suite_run("api/cors", cases);
}
