/* Engines replaced while requests are answered. */
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/request.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct service service;
static struct bytes image;

static void *predict(void *call)
{
    call_run(call, service.api, "POST", "/predict?attention=none", "image/png", image);
    return NULL;
}

static const char *model_of(const struct call *call)
{
    return json_text(json_member(json_member(call->json, "model"), "name"));
}

static struct engine *next;
static atomic_bool published;

static void *publish(void *unused)
{
    api_publish(service.api, &next, 1);
    published = true;
    return unused;
}

/* Until the service names the new engines, at most 20 s. */
static void wait_for_next(void)
{
    bool seen = false;
    for (int i = 0; i < 2000 && !seen; i++) {
        struct call call;
        usleep(10000);
        call_run(&call, service.api, "GET", "/models", NULL, (struct bytes){0});
        seen = memmem(call.response.body.data, call.response.body.size, "\"next\"", 6);
        call_end(&call);
    }
    ck_assert(seen);
}

START_TEST(requests_end_on_the_engines_they_began_with)
{
    struct failure failure;
    struct call before, during;
    pthread_t requesting, publishing;
    image = picture(40, 40);
    service_begin(&service, "slow");
    ck_assert(!engine_create(&(struct engine_options){.model = "next"}, &failure, &next));
    pthread_create(&requesting, NULL, predict, &before);
    usleep(300000); /* of the second that it takes */
    pthread_create(&publishing, NULL, publish, NULL);
    wait_for_next();
    predict(&during); /* the new ones answer already */
    ck_assert_int_eq(during.response.code, 200);
    ck_assert_str_eq(model_of(&during), "next");
    ck_assert(!published);
    pthread_join(requesting, NULL);
    ck_assert_int_eq(before.response.code, 200);
    ck_assert_str_eq(model_of(&before), "demo");
    pthread_join(publishing, NULL);
    ck_assert(published);
    call_end(&before);
    call_end(&during);
    service_end(&service);
    engine_destroy(&next);
    free((void *)image.data);
}
END_TEST

/* Threads that ask while engines come and go: what they use is alive, or a sanitizer says so. */
static void *ask(void *ending)
{
    while (!atomic_load((atomic_bool *)ending)) {
        struct call call;
        call_run(&call, service.api, "GET", "/models", NULL, (struct bytes){0});
        ck_assert_int_eq(call.response.code, 200);
        call_end(&call);
    }
    return NULL;
}

START_TEST(engines_that_were_replaced_are_used_by_nobody)
{
    enum { ASKING = 4, TIMES = 200 };
    struct failure failure;
    pthread_t threads[ASKING];
    struct engine *engines[2] = {NULL};
    atomic_bool ending = false;
    service_begin(&service, "");
    for (int i = 0; i < ASKING; i++)
        pthread_create(&threads[i], NULL, ask, &ending);
    for (int i = 0; i < TIMES; i++) {
        ck_assert(!engine_create(&(struct engine_options){.model = "next"}, &failure, &engines[i % 2]));
        api_publish(service.api, &engines[i % 2], 1);
        engine_destroy(&engines[(i + 1) % 2]);
    }
    atomic_store(&ending, true);
    for (int i = 0; i < ASKING; i++)
        pthread_join(threads[i], NULL);
    service_end(&service);
    engine_destroy(&engines[(TIMES - 1) % 2]);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("service");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, requests_end_on_the_engines_they_began_with);
    tcase_add_test(cases, engines_that_were_replaced_are_used_by_nobody);
    return suite_run("api/service", cases);
}
