#include "api/metrics.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
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

/* The value of a line that begins so; -1 when there is none. */
static double value_in(const char *text, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = text; (at = strstr(at, line)); at += length)
        if ((at == text || at[-1] == '\n') && at[length] == ' ')
            return strtod(at + length, NULL);
    return -1;
}

static char *scrape(struct api *api)
{
    call_run(&call, api, "GET", "/metrics", NULL, (struct bytes){0});
    ck_assert_int_eq(call.response.code, 200);
    ck_assert_str_eq(call.response.content_type, "text/plain; version=0.0.4; charset=utf-8");
    char *text = calloc(call.response.body.size + 1, 1);
    memcpy(text, call.response.body.data, call.response.body.size);
    call_end(&call);
    return text;
}

static void run(struct api *api, const char *method, const char *target, struct bytes body)
{
    call_run(&call, api, method, target, "image/png", body);
    api_record(api, &call.request, &call.response);
    call_end(&call);
}

#define B16 "bbbbbbbbbbbbbbbb"
#define MODEL_INFO(name) \
    "cxr_model_info{name=\"" name "\",version=\"1.2.3\",package_sha256=\"" B16 B16 B16 B16 "\"}"

static size_t lines_with(const char *text, const char *start)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, start)); at++)
        count += at == text || at[-1] == '\n';
    return count;
}

START_TEST(answers_and_their_stages_are_counted)
{
    struct bytes png = picture(100, 80);
    run(service.api, "POST", "/predict", png);
    run(service.api, "POST", "/predict", png);
    run(service.api, "POST", "/predict?hat=1", png);
    run(service.api, "GET", "/nothing", (struct bytes){0});
    for (int i = 0; i < 2; i++) { /* a scrape resets nothing */
        char *text = scrape(service.api);
        ck_assert(value_in(text, "cxr_request_duration_seconds_count{route=\"/predict\",code=\"200\"}") == 2);
        ck_assert(value_in(text, "cxr_request_duration_seconds_count{route=\"/predict\",code=\"400\"}") == 1);
        ck_assert(value_in(text, "cxr_request_duration_seconds_count{route=\"other\",code=\"404\"}") == 1);
        ck_assert(value_in(text, "cxr_stage_duration_seconds_count{stage=\"decode\"}") == 2);
        /* The fake engine's stages take 1, 2, 3 and 4 ms. */
        ck_assert(value_in(text, "cxr_stage_duration_seconds_sum{stage=\"inference\"}") == 0.008);
        ck_assert(value_in(text, "cxr_stage_duration_seconds_bucket{stage=\"preprocess\",le=\"0.001\"}") ==
                  0);
        ck_assert(value_in(text, "cxr_stage_duration_seconds_bucket{stage=\"preprocess\",le=\"0.0025\"}") ==
                  2);
        ck_assert(value_in(text, "cxr_stage_duration_seconds_bucket{stage=\"preprocess\",le=\"+Inf\"}") == 2);
        ck_assert(value_in(text, "cxr_batch_size_bucket{le=\"1\"}") == 2);
        ck_assert(value_in(text, "cxr_batch_size_sum") == 2);
        ck_assert(value_in(text, "cxr_queue_capacity") == 512); /* two engines */
        ck_assert(value_in(text, "cxr_queue_depth") == 0);
        ck_assert(value_in(text, "cxr_inflight") == 0);
        ck_assert(value_in(text, "cxr_device_memory_bytes") == 2 << 20);
        ck_assert(value_in(text, "cxr_device_lost_total") == 0);
        ck_assert(value_in(text, "cxr_build_info{version=\"" CXRD_VERSION "\"}") == 1);
        ck_assert(value_in(text, MODEL_INFO("demo")) == 1);
        ck_assert_uint_eq(lines_with(text, "cxr_model_info{"), 2); /* one an engine */
        free(text);
    }
    free((void *)png.data);
}
END_TEST

/* A service that behaves so refuses a prediction, which is counted as `line` says; a probe's 503 is not. */
static void refuses(struct api *api, const char *line)
{
    struct bytes png = picture(100, 80);
    run(api, "GET", "/readyz", (struct bytes){0});
    run(api, "POST", "/predict", png);
    char *text = scrape(api);
    ck_assert_msg(value_in(text, line) == 1, "%s\n%s", line, text);
    free(text);
    free((void *)png.data);
}

START_TEST(refusals_are_counted_by_their_reason)
{
    static const struct {
        const char *behaviour, *line;
    } cases[] = {{"full", "cxr_rejected_total{reason=\"queue_full\"}"},
                 {"undecoded", "cxr_rejected_total{reason=\"unavailable\"}"},
                 {"lost", "cxr_rejected_total{reason=\"device_lost\"}"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct service other;
        service_begin(&other, cases[i].behaviour);
        refuses(other.api, cases[i].line);
        service_end(&other);
    }
    struct api *starting = api_create();
    refuses(starting, "cxr_rejected_total{reason=\"loading\"}");
    api_drain(starting);
    refuses(starting, "cxr_rejected_total{reason=\"draining\"}");
    api_destroy(&starting);
}
END_TEST

START_TEST(before_the_model_is_loaded_there_are_metrics_too)
{
    struct api *starting = api_create();
    char *text = scrape(starting);
    ck_assert(value_in(text, "cxr_queue_capacity") == 0);
    ck_assert(value_in(text, "cxr_batch_size_bucket{le=\"+Inf\"}") == 0);
    free(text);
    api_destroy(&starting);
}
END_TEST

enum { THREADS = 4, ROUNDS = 200 };

static void *count_and_print(void *metrics)
{
    struct engine_statistics none = {0};
    for (int i = 0; i < ROUNDS; i++) {
        metrics_enter(metrics);
        metrics_count_request(metrics, i % 2 ? "/a" : "", 200, i);
        metrics_count_rejection(metrics, REJECTION_QUOTA);
        if (i % 50 == 0) {
            struct buffer text = metrics_print(metrics, &none);
            buffer_finish(&text);
        }
        metrics_leave(metrics);
    }
    return NULL;
}

static const char *only_route(size_t route)
{
    ck_assert_uint_eq(route, 0);
    return "/a";
}

START_TEST(many_threads_count_at_once)
{
    struct metrics *metrics = metrics_create(1, only_route);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, count_and_print, metrics);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    struct engine_statistics none = {0};
    struct buffer text = metrics_print(metrics, &none);
    buffer_append(&text, "", 1);
    const char *lines = (const char *)text.data;
    ck_assert(value_in(lines, "cxr_request_duration_seconds_count{route=\"/a\",code=\"200\"}") ==
              THREADS * ROUNDS / 2);
    ck_assert(value_in(lines, "cxr_request_duration_seconds_count{route=\"other\",code=\"200\"}") ==
              THREADS * ROUNDS / 2);
    ck_assert(value_in(lines, "cxr_rejected_total{reason=\"quota\"}") == THREADS * ROUNDS);
    ck_assert(value_in(lines, "cxr_inflight") == 0);
    buffer_finish(&text);
    metrics_destroy(&metrics);
}
END_TEST

START_TEST(a_models_name_is_escaped)
{
    const struct engine_options options = {.model = "a \"b\" \\c"};
    struct failure failure;
    struct engine *engine = NULL;
    struct buffer text = {.maximum = METRICS_BYTES_MAX};
    ck_assert_int_eq(engine_create(&options, &failure, &engine), STATUS_OK);
    metrics_print_models(&text, &engine, 1);
    buffer_append(&text, "", 1);
    ck_assert(value_in((const char *)text.data, MODEL_INFO("a \\\"b\\\" \\\\c")) == 1);
    buffer_finish(&text);
    engine_destroy(&engine);
}
END_TEST

static const char *wide_route(size_t route)
{
    static char names[64][64];
    snprintf(names[route], sizeof names[route], "/v2/models/{name}/versions/{version}/a-long-name/%zu",
             route);
    return names[route];
}

START_TEST(whatever_was_counted_fits)
{
    static const int codes[] = {200, 204, 304, 400, 401, 403, 404, 405, 408,
                                411, 413, 415, 422, 429, 431, 500, 503, 504};
    struct metrics *metrics = metrics_create(64, wide_route);
    for (size_t route = 0; route < 64; route++)
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
            metrics_count_request(metrics, wide_route(route), codes[i], 1e9);
    struct engine_statistics none = {0};
    struct buffer text = metrics_print(metrics, &none);
    ck_assert_uint_lt(text.size, METRICS_BYTES_MAX);
    buffer_append(&text, "", 1);
    ck_assert(value_in((const char *)text.data, "cxr_build_info{version=\"" CXRD_VERSION "\"}") == 1);
    buffer_finish(&text);
    metrics_destroy(&metrics);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("metrics");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, answers_and_their_stages_are_counted);
    tcase_add_test(cases, refusals_are_counted_by_their_reason);
    tcase_add_test(cases, before_the_model_is_loaded_there_are_metrics_too);
    tcase_add_test(cases, many_threads_count_at_once);
    tcase_add_test(cases, a_models_name_is_escaped);
    tcase_add_test(cases, whatever_was_counted_fits);
    return suite_run("api/metrics", cases);
}
