#include "server/server.h"

#include "engine/base/clock.h"
#include "server/http.h"
#include "server/signals.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { PROBE_THREADS = 2, DRAIN_STEP_MS = 10, DRAIN_LINGER_MS = 100, HEALTH_CHECK_MS = 500 };

/* Models load on a thread of their own, so that probes and signals are answered meanwhile. */
struct loader {
    const struct settings *settings;
    struct engine *engines[SETTINGS_MODELS_MAX];
    size_t count;
    struct failure failure; /* valid once `done` is readable */
    int done;
    pthread_t thread;
};

static enum status load_one(struct loader *loader, const char *folder)
{
    const struct settings *settings = loader->settings;
    const struct engine_options options = {
        .model = folder,
        .devices = settings->devices,
        .device_count = settings->device_count,
        .rung = settings->rung,
        .cache_folder = settings->cache_folder,
        .precision = (enum precision)settings->precision,
        .max_batch = settings->max_batch,
        .in_flight = settings->batches_in_flight,
        .max_queue = settings->max_queue,
        .max_queue_delay_us = settings->max_queue_delay_us,
        .lose_device_after = settings->lose_device_after,
    };
    struct engine *engine = NULL;
    enum status status = engine_create(&options, &loader->failure, &engine);
    if (status)
        return status;
    const char *name = engine_card(engine)->name;
    loader->engines[loader->count++] = engine;
    for (size_t i = 0; i + 1 < loader->count; i++)
        if (!strcmp(engine_card(loader->engines[i])->name, name))
            return failure_set(&loader->failure, STATUS_INVALID_FILE,
                               "Two models are named '%s'; serve each name once.", name);
    log_message(LOG_INFO, "model %s on %s, %s", name, engine_device_name(engine), engine_rung_name(engine));
    return STATUS_OK;
}

static void *load(void *argument)
{
    struct loader *loader = argument;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < loader->settings->model_count && !status; i++)
        status = load_one(loader, loader->settings->models[i]);
    const uint64_t one = 1;
    ssize_t written = write(loader->done, &one, sizeof one);
    assert(written == sizeof one);
    (void)written;
    return NULL;
}

static void loader_start(struct loader *loader, const struct settings *settings)
{
    loader->settings = settings;
    loader->done = eventfd(0, EFD_CLOEXEC);
    int failed = pthread_create(&loader->thread, NULL, load, loader);
    assert(loader->done >= 0 && !failed);
    (void)failed;
}

/* The loading must be over, or never have begun. */
static void loader_finish(struct loader *loader)
{
    if (!loader->settings)
        return;
    pthread_join(loader->thread, NULL);
    close(loader->done);
    for (size_t i = 0; i < loader->count; i++)
        engine_destroy(&loader->engines[i]);
}

/* Waits for either; true when `event` is readable. */
static bool wait_for(int event, int stop)
{
    struct pollfd ready[2] = {{.fd = event, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
    while (!(ready[0].revents | ready[1].revents))
        if (poll(ready, 2, -1) < 0)
            ready[0].revents = ready[1].revents = 0; /* interrupted by the signal itself */
    return ready[0].revents;
}

/* Waits for `stop`; fails when the device is lost for good before. */
static enum status watch(const struct api *api, int stop, struct failure *failure)
{
    struct pollfd ready = {.fd = stop, .events = POLLIN};
    while (poll(&ready, 1, HEALTH_CHECK_MS) <= 0)
        if (api_health(api) == HEALTH_DEAD)
            return failure_set(failure, STATUS_DEVICE_LOST,
                               "The device was lost and could not be made ready again; start anew.");
    return STATUS_OK;
}

static void announce(const char *kind, const char *listen, int port)
{
    int address = (int)(strrchr(listen, ':') - listen);
    printf("%s http://%.*s:%d\n", kind, address, listen, port);
    fflush(stdout);
}

static void sleep_ms(uint32_t milliseconds)
{
    struct timespec left = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&left, &left))
        ;
}

/* Waits until nothing is in flight, or the time is over. */
static void wait_for_end(const struct http *http, uint64_t start_ns, uint32_t timeout_ms)
{
    while (http_in_flight(http) && clock_elapsed_ms(start_ns) < timeout_ms)
        sleep_ms(DRAIN_STEP_MS);
}

/* Leaves in the order that loses nothing: no longer ready, then no new work, then nothing in flight. Answers
 * end their connections from the start, so that clients look for another service. */
static void drain(struct api *api, struct http *http, const struct settings *settings, uint32_t grace_ms)
{
    api_leave(api);
    http_drain(http);
    sleep_ms(grace_ms);
    api_drain(api);
    uint64_t start_ns = clock_now_ns();
    wait_for_end(http, start_ns, settings->drain_timeout_ms);
    sleep_ms(DRAIN_LINGER_MS); /* for clients that are just connecting to be told */
    wait_for_end(http, start_ns, settings->drain_timeout_ms);
    if (!http_in_flight(http))
        return;
    log_message(LOG_WARNING, "%zu requests were cut off", http_in_flight(http));
    fflush(NULL);
    _exit(0); /* what they wait for may never come */
}

/* Serves once the models are loaded, until `stop` is readable; then drains. */
static enum status serve(struct loader *loader, struct api *api, struct http *http, int stop,
                         struct failure *failure)
{
    if (!wait_for(loader->done, stop)) {
        log_message(LOG_INFO, "stopped while the model was being loaded");
        fflush(NULL);
        _exit(0); /* the loading cannot be interrupted, and nothing was promised yet */
    }
    if (loader->failure.status) {
        *failure = loader->failure;
        return failure->status;
    }
    api_publish(api, loader->engines, loader->count);
    printf("ready\n");
    fflush(stdout);
    enum status status = watch(api, stop, failure);
    drain(api, http, loader->settings, signals_polite() ? loader->settings->grace_ms : 0);
    return status;
}

enum status server_run(const struct settings *settings, struct failure *failure)
{
    int stop = signals_install();
    struct loader loader = {0};
    struct api *api = api_create();
    struct http *http = NULL, *probes = NULL;
    struct http_options options = {settings->listen, settings->threads, settings->body_timeout_ms, false};
    enum status status = http_start(&options, api, failure, &http);
    if (status)
        goto destroy_api;
    announce("listening on", settings->listen, http_port(http));
    if (settings->probe_listen) {
        options =
            (struct http_options){settings->probe_listen, PROBE_THREADS, settings->body_timeout_ms, true};
        status = http_start(&options, api, failure, &probes);
        if (status)
            goto stop_http;
        announce("probes on", settings->probe_listen, http_port(probes));
    }
    loader_start(&loader, settings);
    status = serve(&loader, api, http, stop, failure);
    http_stop(&probes);
stop_http:
    http_stop(&http);
    loader_finish(&loader); /* after the last request */
destroy_api:
    api_destroy(&api);
    return status;
}
