#include "engine/base/file.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIGEST_OF_KEY   "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683" /* "key" */
#define DIGEST_OF_OTHER "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa" /* "other" */

static struct service service;
static struct call call;
static char path[] = "/tmp/cxrd_keys_XXXXXX";

static void write_keys(const char *text)
{
    struct failure failure = {0};
    ck_assert(!file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, &failure));
}

static void begin(void)
{
    struct failure failure = {0};
    strcpy(path + strlen(path) - 6, "XXXXXX");
    close(mkstemp(path));
    write_keys("ward:" DIGEST_OF_KEY "\nslow:" DIGEST_OF_OTHER ":1\n");
    service_begin(&service, NULL);
    ck_assert_msg(!api_load_keys(service.api, path, &failure), "%s", failure.sentence);
}

static void end(void)
{
    service_end(&service);
    unlink(path);
}

static void ask(const char *method, const char *target, const char *name, const char *value)
{
    const struct api_header header = {name, value};
    call_run_headers(&call, service.api, method, target, &header, name ? 1 : 0, (struct bytes){0});
}

static void expect(const char *target, const char *name, const char *value, int code)
{
    ask("GET", target, name, value);
    ck_assert_msg(call.response.code == code, "%s %s: %d", target, value ? value : "", call.response.code);
    call_end(&call);
}

START_TEST(a_key_opens_either_way)
{
    expect("/models", "Authorization", "Bearer key", 200);
    expect("/models", "authorization", "bearer  key", 200);
    expect("/models", "X-API-Key", "key", 200);
    expect("/models", "X-API-Key", "kez", 403);
    expect("/models", "Authorization", "Bearer", 401);
    expect("/models", "Authorization", "Bearer ", 403);
    expect("/models", "Authorization", "Basic a2V5", 401);
    expect("/models", "Authorization", "key", 401);
    const struct api_header both[] = {{"Authorization", "Basic cHJveHk="}, {"X-API-Key", "key"}};
    call_run_headers(&call, service.api, "GET", "/models", both, 2, (struct bytes){0});
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(call.request.key_name, "ward");
    call_end(&call);
}
END_TEST

START_TEST(a_refusal_says_how_to_ask)
{
    ask("POST", "/predict", NULL, NULL);
    ck_assert_int_eq(call.response.code, 401);
    ck_assert_str_eq(call_header(&call, "WWW-Authenticate"), "Bearer realm=\"cxrd\"");
    ck_assert_str_eq(call_detail(&call),
                     "An API key is needed: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.");
    ck_assert_str_eq(call.request.key_name, "");
    call_end(&call);
    ask("POST", "/predict", "X-API-Key", "nobody's");
    ck_assert_int_eq(call.response.code, 403);
    ck_assert_ptr_null(call_header(&call, "WWW-Authenticate"));
    call_end(&call);
}
END_TEST

START_TEST(what_is_open_stays_open)
{
    static const char *const open[] = {"/healthz",      "/readyz", "/metrics",     "/openapi.yaml",
                                       "/openapi.json", "/",       "/page/main.js"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        expect(open[i], NULL, NULL, 200);
        expect(open[i], "X-API-Key", "nobody's", 200);
    }
    static const char *const closed[] = {"/models", "/models/demo", "/version"};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        expect(closed[i], NULL, NULL, 401);
    ask("OPTIONS", "/predict", NULL, NULL); /* a browser asks so before it sends a key */
    ck_assert_int_eq(call.response.code, 204);
    call_end(&call);
}
END_TEST

START_TEST(a_quota_is_told_with_its_wait)
{
    expect("/models", "X-API-Key", "other", 200);
    ask("GET", "/models", "X-API-Key", "other");
    ck_assert_int_eq(call.response.code, 429);
    ck_assert_int_ge(call.response.retry_after_s, 59);
    ck_assert_int_le(call.response.retry_after_s, 60);
    ck_assert_str_eq(call.request.key_name, "slow");
    call_end(&call);
    expect("/healthz", "X-API-Key", "other", 200);
    expect("/models", "X-API-Key", "key", 200);
}
END_TEST

START_TEST(keys_are_replaced_only_by_good_ones)
{
    struct failure failure = {0};
    write_keys("broken\n");
    ck_assert_int_eq(api_load_keys(service.api, path, &failure), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, ": Line 1 of the API keys"));
    expect("/models", "X-API-Key", "key", 200);
    ck_assert_int_eq(api_load_keys(service.api, "/nowhere/keys", &failure), STATUS_NOT_FOUND);
    write_keys("ward:" DIGEST_OF_OTHER "\n");
    ck_assert_int_eq(api_load_keys(service.api, path, &failure), STATUS_OK);
    expect("/models", "X-API-Key", "key", 403);
    expect("/models", "X-API-Key", "other", 200);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("authorize");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, a_key_opens_either_way);
    tcase_add_test(cases, a_refusal_says_how_to_ask);
    tcase_add_test(cases, what_is_open_stays_open);
    tcase_add_test(cases, a_quota_is_told_with_its_wait);
    tcase_add_test(cases, keys_are_replaced_only_by_good_ones);
    return suite_run("api/authorize", cases);
}
