#include "server/server.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/sandbox/pool.h"
#include "server/http.h"
#include "server/limits.h"
#include "server/models.h"
#include "server/signals.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PROBE_THREADS = 2, DRAIN_STEP_MS = 10, DRAIN_LINGER_MS = 100, HEALTH_CHECK_MS = 500, FLUSH_MS = 500 };

/* Waits for either; true when `event` is readable. */
static bool wait_for(int event, int stop)
{
    struct pollfd ready[2] = {{.fd = event, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
    while (!(ready[0].revents | ready[1].revents))
        if (poll(ready, 2, -1) < 0)
            ready[0].revents = ready[1].revents = 0; /* interrupted by the signal itself */
    return ready[0].revents;
}

/* Keys and models are read again; what cannot be read stays as it was. */
static void reload(const struct settings *settings, struct api *api, struct models *models)
{
    struct failure failure = {0};
    if (settings->api_keys && api_load_keys(api, settings->api_keys, &failure)) {
        api_count_failed_reload(api);
        log_message(LOG_ERROR, "the API keys were not loaded again, the old ones stay: %s", failure.sentence);
    }
    models_reload(models);
}

/* Serves until a signal says to stop; fails when the device is lost for good before. */
static enum status watch(const struct settings *settings, struct api *api, struct models *models,
                         const struct signals *signals, struct failure *failure)
{
    struct pollfd ready[2] = {{.fd = signals->stop, .events = POLLIN},
                              {.fd = signals->reload, .events = POLLIN}};
    for (;;) {
        uint64_t times;
        ready[0].revents = 0;
        (void)poll(ready, 2, HEALTH_CHECK_MS);
        if (ready[0].revents)
            return STATUS_OK;
        if (read(signals->reload, &times, sizeof times) > 0)
            reload(settings, api, models);
        if (api_health(api) == HEALTH_DEAD)
            return failure_set(
                failure, STATUS_DEVICE_LOST,
                "The device or the decoders were lost and could not be made ready again; the service "
                "must be started anew.");
    }
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

int server_exit_code(enum status status)
{
    return status == STATUS_DEVICE_LOST ? 3 : status ? 1 : 0;
}

/* Ends the process with threads at work that cannot be waited for. */
static void leave(enum status status, const struct failure *failure)
{
    log_flush(FLUSH_MS);
    if (status)
        fprintf(stderr, "cxrd serve: %s\n", failure->sentence);
    _exit(server_exit_code(status));
}

/* A loading that is under way cannot be interrupted. */
static void leave_loading(enum status status, const struct failure *failure)
{
    log_message(LOG_INFO, "stopped while a model was being loaded");
    leave(status, failure);
}

/* Leaves in the order that loses nothing: no longer ready, then no new work, then nothing in flight. Answers
 * end their connections from the start, so that clients look for another service. */
static void drain(struct api *api, struct http *http, const struct settings *settings, uint32_t grace_ms,
                  enum status status, const struct failure *failure)
{
    log_message(LOG_INFO,
                "stopping: %s; new work is taken for %u ms, then %u ms are left for what is in flight",
                status             ? "the device or the decoders were lost"
                : signals_polite() ? "SIGTERM"
                                   : "SIGINT",
                grace_ms, settings->drain_timeout_ms);
    api_leave(api);
    http_drain(http);
    sleep_ms(grace_ms);
    api_drain(api);
    log_message(LOG_INFO, "no new work is taken; %zu requests are in flight", http_in_flight(http));
    uint64_t start_ns = clock_now_ns();
    wait_for_end(http, start_ns, settings->drain_timeout_ms);
    sleep_ms(DRAIN_LINGER_MS); /* for clients that are just connecting to be told */
    wait_for_end(http, start_ns, settings->drain_timeout_ms);
    if (!http_in_flight(http))
        return;
    log_message(LOG_WARNING, "%zu requests were cut off", http_in_flight(http));
    log_message(LOG_INFO, "stopped");
    leave(status, failure); /* what they wait for may never come */
}

/* Serves once the models are loaded, until told to stop; then drains. */
static enum status serve(const struct settings *settings, struct models *models, struct api *api,
                         struct http *http, const struct signals *signals, struct failure *failure)
{
    if (!wait_for(models_loaded(models), signals->stop))
        leave_loading(STATUS_OK, failure);
    if (models_result(models, failure))
        return failure->status;
    printf("ready\n");
    fflush(stdout);
    enum status status = watch(settings, api, models, signals, failure);
    drain(api, http, settings, signals_polite() ? settings->grace_ms : 0, status, failure);
    log_message(LOG_INFO, "stopped");
    return status;
}

/* Starts the listeners, and says where they are. */
static enum status listen_all(const struct settings *settings, struct http_options options, struct api *api,
                              struct failure *failure, struct http **http, struct http **probes)
{
    options.listen = settings->listen;
    options.threads = settings->threads;
    enum status status = http_start(&options, api, failure, http);
    if (status)
        return status;
    announce("listening on", settings->listen, http_port(*http));
    api_watch_room(api, http_room, *http);
    if (!settings->probe_listen)
        return STATUS_OK;
    options.listen = settings->probe_listen;
    options.threads = PROBE_THREADS;
    options.probes_only = true;
    status = http_start(&options, api, failure, probes);
    /* settings_read refuses equal ports that were named; of two addresses the system may choose the same one.
     */
    if (!status && http_port(*probes) == http_port(*http))
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "The system chose port %d for both listeners; start again, or name their ports.",
                           http_port(*http));
    if (!status)
        announce("probes on", settings->probe_listen, http_port(*probes));
    return status;
}

enum status server_run(struct settings *settings, struct failure *failure)
{
    signal(SIGHUP, SIG_IGN); /* until there is something to load again */
    enum status status = limits_set(settings, failure);
    if (status)
        return status;
    const struct image_pool_options decoding = {.children = settings->decoders,
                                                .unfiltered = !settings->decoder_sandbox};
    struct image_pool *decoders = NULL;
    /* Before all threads: its children are to inherit none, and no descriptor or handler. */
    status = image_pool_create(&decoding, failure, &decoders);
    if (status)
        return status;
    const struct signals signals = signals_install();
    log_start_writer();
    struct api *api = api_create();
    struct models *models = NULL;
    struct http *http = NULL, *probes = NULL;
    struct budget budget = {.limit_bytes = limits_request_bytes(settings)};
    struct address_policy addresses = {.logged = settings->log_client_address};
    const struct http_options options = {.head_timeout_ms = settings->head_timeout_ms,
                                         .body_timeout_ms = settings->body_timeout_ms,
                                         .deadline_ms = settings->deadline_ms,
                                         .budget = &budget,
                                         .addresses = &addresses};
    api_limit_requests(api, settings->max_requests);
    api_watch_budget(api, &budget);
    if (!settings->attention)
        api_withhold_pictures(api);
    status = address_read_proxies(settings->trusted_proxies, failure, &addresses);
    if (!status && settings->api_keys)
        status = api_load_keys(api, settings->api_keys, failure);
    if (!status && settings->cors_origins)
        status = api_allow_origins(api, settings->cors_origins, failure);
    if (!status)
        status = listen_all(settings, options, api, failure, &http, &probes);
    if (!status)
        status = models_create(settings, decoders, api, failure, &models);
    if (!status)
        status = serve(settings, models, api, http, &signals, failure);
    http_stop(&probes);
    http_stop(&http);
    if (models && models_busy(models))
        leave_loading(status, failure);
    models_destroy(&models); /* after the last request */
    api_destroy(&api);
    image_pool_destroy(&decoders);
    log_flush(FLUSH_MS);
    return status;
}
