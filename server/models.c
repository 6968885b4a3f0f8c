#include "server/models.h"

#include "engine/base/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* All engines of one loading. */
struct generation {
    struct engine *engines[SETTINGS_MODELS_MAX];
    size_t count;
};

struct models {
    const struct settings *settings;
    struct image_pool *decoders;
    struct api *api;
    struct generation *serving; /* of the thread alone until it has ended */
    struct failure first;       /* how the first loading ended; valid once `loaded` is readable */
    int loaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    bool busy, again, ending;
};

static void generation_destroy(struct generation **handle)
{
    struct generation *generation = *handle;
    if (!generation)
        return;
    for (size_t i = 0; i < generation->count; i++)
        engine_destroy(&generation->engines[i]);
    free(generation);
    *handle = NULL;
}

static enum status load_one(const struct models *models, const char *folder, struct generation *generation,
                            struct failure *failure)
{
    const struct settings *settings = models->settings;
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
        .decoders = models->decoders,
        .stuck_after_ms = settings->stuck_after_ms,
        .lose_device_after = models->serving ? 0 : settings->lose_device_after,
    };
    struct engine *engine = NULL;
    enum status status = engine_create(&options, failure, &engine);
    if (status)
        return status;
    const struct model_card *card = engine_card(engine);
    generation->engines[generation->count++] = engine;
    for (size_t i = 0; i + 1 < generation->count; i++)
        if (!strcmp(engine_card(generation->engines[i])->name, card->name))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "Two models are named '%s'; serve each name once.", card->name);
    log_message(LOG_INFO, "model %s %s, package_sha256 %s, on %s, %s", card->name, card->version,
                card->package_sha256, engine_device_name(engine), engine_rung_name(engine));
    return STATUS_OK;
}

/* Loads everything and lets it serve, or nothing. */
static enum status load(struct models *models, struct failure *failure)
{
    struct generation *generation = memory_allocate(1, sizeof *generation);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < models->settings->model_count && !status; i++)
        status = load_one(models, models->settings->models[i], generation, failure);
    if (!status) {
        struct generation *old = models->serving;
        api_publish(models->api, generation->engines, generation->count);
        models->serving = generation;
        generation = old;
    }
    generation_destroy(&generation);
    return status;
}

/* Waits until there is something to do; false when the thread shall end. */
static bool wait_for_work(struct models *models)
{
    pthread_mutex_lock(&models->lock);
    models->busy = false;
    while (!models->again && !models->ending)
        pthread_cond_wait(&models->asked, &models->lock);
    models->busy = !models->ending;
    models->again = false;
    bool ending = models->ending;
    pthread_mutex_unlock(&models->lock);
    return !ending;
}

static void *work(void *argument)
{
    struct models *models = argument;
    const uint64_t one = 1;
    (void)!load(models, &models->first); /* told by models_result */
    pthread_mutex_lock(&models->lock);
    models->busy = false;
    pthread_mutex_unlock(&models->lock);
    ssize_t written = write(models->loaded, &one, sizeof one);
    assert(written == sizeof one);
    (void)written;
    while (wait_for_work(models)) {
        struct failure failure = {0};
        if (load(models, &failure)) {
            api_count_failed_reload(models->api);
            log_message(LOG_ERROR, "the models were not loaded again, the old ones stay: %s",
                        failure.sentence);
        } else
            log_message(LOG_INFO, "the models were loaded again");
    }
    return NULL;
}

static void models_finish(struct models *models)
{
    if (models->loaded >= 0)
        close(models->loaded);
    pthread_cond_destroy(&models->asked);
    pthread_mutex_destroy(&models->lock);
    free(models);
}

enum status models_create(const struct settings *settings, struct image_pool *decoders, struct api *api,
                          struct failure *failure, struct models **out)
{
    struct models *models = memory_allocate(1, sizeof *models);
    models->settings = settings;
    models->decoders = decoders;
    models->api = api;
    models->busy = true;
    models->loaded = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&models->lock, NULL);
    pthread_cond_init(&models->asked, NULL);
    if (models->loaded >= 0 && !pthread_create(&models->thread, NULL, work, models)) {
        *out = models;
        return STATUS_OK;
    }
    models_finish(models);
    return failure_set(
        failure, STATUS_UNAVAILABLE,
        "The system gives no further thread or descriptor; raise its limits (ulimit -u, ulimit -n).");
}

void models_destroy(struct models **handle)
{
    struct models *models = handle ? *handle : NULL;
    if (!models)
        return;
    pthread_mutex_lock(&models->lock);
    models->ending = true;
    pthread_cond_signal(&models->asked);
    pthread_mutex_unlock(&models->lock);
    pthread_join(models->thread, NULL);
    generation_destroy(&models->serving);
    models_finish(models);
    *handle = NULL;
}

int models_loaded(const struct models *models)
{
    return models->loaded;
}

enum status models_result(struct models *models, struct failure *failure)
{
    pthread_mutex_lock(&models->lock);
    if (models->first.status)
        *failure = models->first;
    pthread_mutex_unlock(&models->lock);
    return models->first.status;
}

void models_reload(struct models *models)
{
    pthread_mutex_lock(&models->lock);
    models->again = true;
    pthread_cond_signal(&models->asked);
    pthread_mutex_unlock(&models->lock);
}

bool models_busy(struct models *models)
{
    pthread_mutex_lock(&models->lock);
    bool busy = models->busy || models->again;
    pthread_mutex_unlock(&models->lock);
    return busy;
}
