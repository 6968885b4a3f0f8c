/* The gate by itself, and in front of an engine: whom it lets in, whom it refuses, and how that is told. */
#include "api/base64.h"
#include "api/gate.h"
#include "api/service.h"
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT = 3, CALLS_MAX = 2 * FAKE_SLOW_CAPACITY };

static struct gate gate;

static size_t enter_all(void)
{
    size_t entered = 0;
    while (gate_enter(&gate))
        entered++;
    return entered;
}

static void leave(size_t count)
{
    for (size_t i = 0; i < count; i++)
        gate_leave(&gate);
}

START_TEST(a_burst_after_an_idle_moment_is_let_in_and_no_second_one)
{
    gate_init(&gate, LIMIT, GATE_BURST_MS);
    ck_assert(gate_is_open(&gate));
    ck_assert_uint_eq(enter_all(), 2 * LIMIT);
    ck_assert(!gate_is_open(&gate));
    usleep(1000 * (GATE_BURST_MS + 20));
    leave(LIMIT);
    ck_assert_uint_eq(enter_all(), 0);
    leave(1);
    ck_assert(gate_is_open(&gate));
    ck_assert_uint_eq(enter_all(), 1);
    leave(LIMIT - 1); /* not idle */
    ck_assert_uint_eq(enter_all(), LIMIT - 1);
    leave(LIMIT); /* idle */
    ck_assert_uint_eq(enter_all(), 2 * LIMIT);
    leave(2 * LIMIT);
    gate_finish(&gate);
}
END_TEST

START_TEST(what_finds_nobody_inside_is_always_let_in)
{
    gate_init(&gate, 0, GATE_BURST_MS);
    ck_assert(gate_is_open(&gate));
    ck_assert_uint_eq(enter_all(), 1);
    leave(1);
    gate_finish(&gate);
}
END_TEST

START_TEST(a_lower_limit_sends_nobody_out)
{
    gate_init(&gate, LIMIT, GATE_BURST_MS);
    ck_assert_uint_eq(enter_all(), 2 * LIMIT);
    gate_set_limit(&gate, 1);
    ck_assert(!gate_is_open(&gate));
    leave(2 * LIMIT);
    ck_assert_uint_eq(enter_all(), 2);
    leave(2);
    gate_finish(&gate);
}
END_TEST

static struct service service;
static struct bytes image;

static void *predict(void *call)
{
    call_run(call, service.api, "POST", "/predict?attention=none", "image/png", image);
    return NULL;
}

static size_t inside(struct gate *one)
{
    pthread_mutex_lock(&one->lock);
    size_t count = one->inside;
    pthread_mutex_unlock(&one->lock);
    return count;
}

/* Waits until so many are inside, and their burst is over. */
static void expect_inside(struct gate *one, size_t count)
{
    for (int waits = 0; inside(one) != count; waits++) {
        ck_assert_int_lt(waits, 20000);
        usleep(1000);
    }
    usleep(1000 * (GATE_BURST_MS + 20));
}

/* Sends `count` requests that take a second each, then one more, which is to get `code`. */
static void expect_behind(size_t count, int code)
{
    struct call calls[CALLS_MAX], last;
    pthread_t threads[CALLS_MAX];
    ck_assert_uint_le(count, CALLS_MAX);
    for (size_t i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, predict, &calls[i]);
    expect_inside(&service.api->gate, count);
    predict(&last);
    ck_assert_int_eq(last.response.code, code);
    if (code == 503) {
        ck_assert_int_gt(last.response.retry_after_s, 0);
        ck_assert_ptr_nonnull(strstr(call_detail(&last), "as much work as it can do soon"));
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(calls[i].response.code, 200);
        call_end(&calls[i]);
    }
    call_end(&last);
}

START_TEST(the_limit_is_what_the_engines_say_unless_it_is_set)
{
    image = picture(40, 40);
    service_begin(&service, "slow");
    expect_behind(2 * FAKE_SLOW_CAPACITY - 1, 200); /* two engines */
    expect_behind(2 * FAKE_SLOW_CAPACITY, 503);
    api_limit_requests(service.api, 2);
    api_publish(service.api, service.engines, 2);
    expect_behind(1, 200);
    expect_behind(2, 503);
    service_end(&service);
    free((void *)image.data);
}
END_TEST

static void *predict_flipped(void *call)
{
    call_run(call, service.api, "POST", "/predict?attention=none&flip=true", "image/png", image);
    return NULL;
}

/* A request whose images are predicted twice is let in as any, and is two for what comes after it. */
START_TEST(flip_counts_twice)
{
    struct call flipped, last;
    pthread_t thread;
    image = picture(40, 40);
    service_begin(&service, "slow");
    api_limit_requests(service.api, 2);
    api_publish(service.api, service.engines, 2);
    pthread_create(&thread, NULL, predict_flipped, &flipped);
    expect_inside(&service.api->gate, 2);
    predict(&last);
    ck_assert_int_eq(last.response.code, 503);
    call_end(&last);
    pthread_join(thread, NULL);
    ck_assert_int_eq(flipped.response.code, 200);
    ck_assert_uint_eq(inside(&service.api->gate), 0);
    call_end(&flipped);
    service_end(&service);
    free((void *)image.data);
}
END_TEST

static void *predict_and_draw(void *call)
{
    call_run(call, service.api, "POST", "/predict?attention=overlay", "image/png", image);
    return NULL;
}

/* With the only turn at drawing taken, requests with pictures wait; predictions go past them, and of those
 * with pictures no more are let in than the half of all. */
START_TEST(drawing_holds_the_place_of_no_prediction)
{
    enum { PLACES = 4 };
    struct call drawing[PLACES / 2], last, plain;
    pthread_t threads[PLACES / 2];
    size_t turns = 0;
    struct failure failure;
    const struct patience for_ever = {0};
    image = picture(40, 40);
    service_begin(&service, NULL);
    api_limit_requests(service.api, PLACES);
    api_publish(service.api, service.engines, 2);
    for (; service.api->turns.free; turns++)
        ck_assert(!turns_take(&service.api->turns, &for_ever, &failure));
    for (size_t i = 0; i < PLACES / 2; i++)
        pthread_create(&threads[i], NULL, predict_and_draw, &drawing[i]);
    expect_inside(&service.api->heavy_gate, PLACES / 2);
    expect_inside(&service.api->gate, 0);
    predict(&plain);
    ck_assert_int_eq(plain.response.code, 200);
    predict_and_draw(&last);
    ck_assert_int_eq(last.response.code, 503);
    while (turns--)
        turns_return(&service.api->turns);
    for (size_t i = 0; i < PLACES / 2; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(drawing[i].response.code, 200);
        call_end(&drawing[i]);
    }
    call_end(&plain);
    call_end(&last);
    service_end(&service);
    free((void *)image.data);
}
END_TEST

/* The code of the answer to so many images, each the same. */
static int infer(struct bytes one, size_t count)
{
    struct call call;
    char *base64 = base64_encode(one), *json = malloc(count * (strlen(base64) + 3) + 200), *at = json;
    at += sprintf(at, "{\"inputs\":[{\"name\":\"image\",\"shape\":[%zu],\"datatype\":\"BYTES\",\"data\":[",
                  count);
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "%s\"%s\"", i ? "," : "", base64);
    at += sprintf(at, "]}]}");
    call_run(&call, service.api, "POST", "/v2/models/demo/infer", "application/json",
             (struct bytes){(uint8_t *)json, (size_t)(at - json)});
    int code = call.response.code;
    call_end(&call);
    free(json);
    free(base64);
    return code;
}

/* Who sends many at once leaves places to those who send one. */
START_TEST(many_images_have_half_of_the_places)
{
    image = picture(40, 40);
    service_begin(&service, NULL);
    ck_assert(gate_enter(&service.api->heavy_gate));
    gate_set_limit(&service.api->heavy_gate, 1);
    ck_assert_int_eq(infer(image, API_LIGHT_IMAGES), 200);
    ck_assert_int_eq(infer(image, API_LIGHT_IMAGES + 1), 503);
    gate_leave(&service.api->heavy_gate);
    ck_assert_int_eq(infer(image, API_LIGHT_IMAGES + 1), 200);
    ck_assert_uint_eq(service.api->heavy_gate.inside, 0);
    service_end(&service);
    free((void *)image.data);
}
END_TEST

/* A large image is as heavy as a picture, and however it is sent; those beside it find their places. */
START_TEST(large_images_have_half_of_the_places)
{
    uint8_t header[33] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    struct bytes large = {header, sizeof header};
    static const char *const targets[] = {"/predict?attention=none", "/embed"};
    struct call call;
    header[18] = header[22] = 5000 >> 8;
    header[19] = header[23] = 5000 & 255;
    image = picture(40, 40);
    service_begin(&service, NULL);
    ck_assert(gate_enter(&service.api->heavy_gate));
    gate_set_limit(&service.api->heavy_gate, 1);
    for (int i = 0; i < 2; i++) {
        call_refused(&call, service.api, targets[i], "image/png", large, 503,
                     "as much work as it can do soon");
        call_run(&call, service.api, "POST", targets[i], "image/png", image);
        ck_assert_int_eq(call.response.code, 200);
        call_end(&call);
    }
    ck_assert_int_eq(infer(large, 1), 503);
    gate_leave(&service.api->heavy_gate);
    for (int i = 0; i < 2; i++) /* as far as decoding: there is nothing behind the header */
        call_refused(&call, service.api, targets[i], "image/png", large, 422, "");
    ck_assert_uint_eq(service.api->heavy_gate.inside, 0);
    service_end(&service);
    free((void *)image.data);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("gate");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_burst_after_an_idle_moment_is_let_in_and_no_second_one);
    tcase_add_test(cases, what_finds_nobody_inside_is_always_let_in);
    tcase_add_test(cases, a_lower_limit_sends_nobody_out);
    tcase_add_test(cases, the_limit_is_what_the_engines_say_unless_it_is_set);
    tcase_add_test(cases, flip_counts_twice);
    tcase_add_test(cases, drawing_holds_the_place_of_no_prediction);
    tcase_add_test(cases, large_images_have_half_of_the_places);
    tcase_add_test(cases, many_images_have_half_of_the_places);
    return suite_run("api/gate", cases);
}
