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

static void expect(const char *method, const char *target, int code)
{
    call_run(&call, service.api, method, target, NULL, (struct bytes){0});
    ck_assert_msg(call.response.code == code, "%s %s: %d", method, target, call.response.code);
}

START_TEST(paths_match_exactly)
{
    static const char *const found[] = {
        "/models",       "/models/demo",  "/models/d%65mo", "/healthz", "/readyz", "/version",     "/metrics",
        "/openapi.yaml", "/openapi.json", "/healthz?x=1",   "/",        "/?x=1",   "/page/main.js"};
    static const char *const missing[] = {"",
                                          "/health",
                                          "/healthz/",
                                          "/healthzz",
                                          "/models/",
                                          "/models/x",
                                          "/embeds",
                                          "/v3",
                                          "/docs",
                                          "//healthz",
                                          "/Healthz",
                                          "/v1/models",
                                          "/%2e%2e/healthz",
                                          "//",
                                          "/page",
                                          "/page/",
                                          "/page/none.js",
                                          "/page/../main.js",
                                          "/page/%2e%2e%2fmain.js",
                                          "/main.js"};
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        expect("GET", found[i], 200);
        call_end(&call);
    }
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        expect("GET", missing[i], 404);
        call_end(&call);
    }
}
END_TEST

START_TEST(methods_are_told)
{
    expect("GET", "/predict", 405);
    ck_assert_str_eq(call.response.allow, "POST, OPTIONS");
    call_end(&call);
    expect("POST", "/healthz", 405);
    ck_assert_str_eq(call.response.allow, "GET, HEAD, OPTIONS");
    call_end(&call);
    expect("OPTIONS", "/predict", 204);
    ck_assert_str_eq(call.response.allow, "POST, OPTIONS");
    ck_assert_ptr_null(call.response.content_type);
    call_end(&call);
    expect("OPTIONS", "/nothing", 404);
    call_end(&call);
    expect("HEAD", "/version", 200);
    ck_assert_str_eq(call.response.route, "/version");
    call_end(&call);
}
END_TEST

START_TEST(other_methods_are_told_what_there_is)
{
    static const char *const others[] = {"TRACE", "CONNECT", "PUT",   "DELETE", "PATCH",
                                         "FETCH", "get",     "POSTS", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect(others[i], "/version", 405);
        ck_assert_str_eq(call.response.allow, "GET, HEAD, OPTIONS");
        ck_assert_ptr_nonnull(strstr(call_detail(&call), "/version takes only: GET, HEAD, OPTIONS."));
        call_end(&call);
        expect(others[i], "/predict", 405);
        ck_assert_str_eq(call.response.allow, "POST, OPTIONS");
        call_end(&call);
        expect(others[i], "/nothing", 404);
        call_end(&call);
    }
}
END_TEST

/* Errors under /v2, however it is written, have that protocol's form; all others are problems. */
START_TEST(an_error_has_the_form_of_its_protocol)
{
    static const struct {
        const char *method, *target;
        bool inference;
    } errors[] = {{"PUT", "/v2", true},
                  {"TRACE", "/v2/models/demo/infer", true},
                  {"GET", "/v2/models/none", true},
                  {"GET", "/%762/models/none", true},
                  {"PUT", "/v%32/health/live", true},
                  {"GET", "/v2/%zz", true},
                  {"GET", "/v2/nothing", true},
                  {"GET", "/v2x", false},
                  {"GET", "/models/none", false},
                  {"PUT", "/models", false}};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        call_run(&call, service.api, errors[i].method, errors[i].target, NULL, (struct bytes){0});
        ck_assert_int_ge(call.response.code, 400);
        ck_assert_msg(errors[i].inference == !strcmp(json_names(call.json), "error"), "%s: %s",
                      errors[i].target, json_names(call.json));
        call_end(&call);
    }
    struct failure failure;
    failure_set(&failure, STATUS_TOO_LARGE, "Refused.");
    const struct api_request request = {
        .method = "POST", .path = "/v2/models/demo/infer", .arena = arena_create()};
    struct api_response response = {0};
    api_refuse(service.api, &request, &failure, &response);
    ck_assert_str_eq((const char *)response.body.data, "{\"error\":\"Refused.\"}");
    api_response_finish(&response);
    struct arena *arena = request.arena;
    arena_destroy(&arena);
}
END_TEST

START_TEST(readiness_follows_the_service)
{
    struct api *starting = api_create();
    call_run(&call, starting, "GET", "/healthz", NULL, (struct bytes){0});
    ck_assert_int_eq(call.response.code, 200);
    call_end(&call);
    static const char *const waiting[] = {"/readyz", "/models", "/models/demo"};
    for (int i = 0; i < 3; i++) {
        call_run(&call, starting, "GET", waiting[i], NULL, (struct bytes){0});
        ck_assert_int_eq(call.response.code, 503);
        ck_assert_int_gt(call.response.retry_after_s, 0);
        ck_assert_ptr_nonnull(strstr(call_detail(&call), "being loaded"));
        call_end(&call);
    }
    call_run(&call, starting, "POST", "/predict", "image/png", (struct bytes){0});
    ck_assert_int_eq(call.response.code, 503);
    call_end(&call);
    api_drain(starting);
    api_publish(starting, service.engines, 2); /* loaded too late: still not ready */
    call_run(&call, starting, "GET", "/readyz", NULL, (struct bytes){0});
    ck_assert_int_eq(call.response.code, 503);
    ck_assert_ptr_nonnull(strstr(call_detail(&call), "shutting down"));
    call_end(&call);
    api_destroy(&starting);
}
END_TEST

START_TEST(models_show_heads_and_labels)
{
    expect("GET", "/models", 200);
    const struct json *model = json_first(json_member(call.json, "models"));
    ck_assert_str_eq(json_text(json_member(model, "name")), "demo");
    ck_assert_str_eq(json_text(json_member(json_next(model), "name")), "other");
    const struct json *head = json_first(json_member(model, "heads"));
    ck_assert_str_eq(json_text(json_member(head, "kind")), "findings");
    ck_assert_uint_eq(json_length(json_member(head, "labels")), 4);
    ck_assert_str_eq(json_text(json_member(json_next(head), "definition")), "How much area a drawing lost.");
    call_end(&call);
}
END_TEST

START_TEST(both_descriptions_are_served)
{
    expect("GET", "/openapi.json", 200);
    ck_assert_str_eq(json_text(json_member(call.json, "openapi")), "3.1.0");
    ck_assert_ptr_nonnull(json_member(json_member(call.json, "paths"), "/predict"));
    call_end(&call);
    expect("GET", "/openapi.yaml", 200);
    ck_assert(!memcmp(call.response.body.data, "openapi: 3.1.0", 14));
    call_end(&call);
}
END_TEST

START_TEST(request_ids_are_taken_when_they_are_safe)
{
    const struct api_header good = {"x-request-id", "Trace_1.2~3-4"}, bad = {"X-Request-Id", "a\"b"};
    struct api_request request = {.headers = &good, .header_count = 1};
    api_request_identify(&request);
    ck_assert_str_eq(request.id, "Trace_1.2~3-4");
    request.headers = &bad;
    api_request_identify(&request);
    ck_assert_uint_eq(strlen(request.id), 32);
    char first[API_REQUEST_ID_BYTES_MAX + 1];
    strcpy(first, request.id);
    api_request_identify(&request);
    ck_assert_str_ne(request.id, first);
    char wide[API_REQUEST_ID_BYTES_MAX + 2];
    memset(wide, 'a', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    const struct api_header long_one = {"X-Request-Id", wide};
    request.headers = &long_one;
    api_request_identify(&request);
    ck_assert_uint_eq(strlen(request.id), 32);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("routes");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, paths_match_exactly);
    tcase_add_test(cases, methods_are_told);
    tcase_add_test(cases, other_methods_are_told_what_there_is);
    tcase_add_test(cases, an_error_has_the_form_of_its_protocol);
    tcase_add_test(cases, readiness_follows_the_service);
    tcase_add_test(cases, models_show_heads_and_labels);
    tcase_add_test(cases, both_descriptions_are_served);
    tcase_add_test(cases, request_ids_are_taken_when_they_are_safe);
    return suite_run("api/routes", cases);
}
