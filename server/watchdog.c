#include "server/watchdog.h"

#include "engine/base/clock.h"
#include "engine/base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

struct watch {
    bool armed, fired;
    int socket, how;
    uint64_t deadline_ns;
};

struct watchdog {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    bool ending;
    size_t count;
    struct watch *watches;
};

/* Fires what is due; returns the nearest deadline, UINT64_MAX when none is armed. */
static uint64_t fire_due(struct watchdog *watchdog, uint64_t now_ns)
{
    uint64_t nearest_ns = UINT64_MAX;
    for (size_t i = 0; i < watchdog->count; i++) {
        struct watch *watch = &watchdog->watches[i];
        if (!watch->armed || watch->fired)
            continue;
        if (watch->deadline_ns <= now_ns) {
            watch->fired = true;
            shutdown(watch->socket, watch->how);
        } else if (watch->deadline_ns < nearest_ns) {
            nearest_ns = watch->deadline_ns;
        }
    }
    return nearest_ns;
}

static void *watch(void *argument)
{
    struct watchdog *watchdog = argument;
    pthread_mutex_lock(&watchdog->mutex);
    while (!watchdog->ending) {
        uint64_t nearest_ns = fire_due(watchdog, clock_now_ns());
        if (nearest_ns == UINT64_MAX) {
            pthread_cond_wait(&watchdog->changed, &watchdog->mutex);
        } else {
            struct timespec until = {(time_t)(nearest_ns / 1000000000), (long)(nearest_ns % 1000000000)};
            pthread_cond_timedwait(&watchdog->changed, &watchdog->mutex, &until);
        }
    }
    pthread_mutex_unlock(&watchdog->mutex);
    return NULL;
}

struct watchdog *watchdog_create(size_t slots)
{
    struct watchdog *watchdog = memory_allocate(1, sizeof *watchdog);
    watchdog->count = slots;
    watchdog->watches = memory_allocate(slots, sizeof *watchdog->watches);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC); /* that of clock_now_ns */
    pthread_cond_init(&watchdog->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&watchdog->mutex, NULL);
    int failed = pthread_create(&watchdog->thread, NULL, watch, watchdog);
    assert(!failed);
    (void)failed;
    return watchdog;
}

void watchdog_destroy(struct watchdog **handle)
{
    struct watchdog *watchdog = handle ? *handle : NULL;
    if (!watchdog)
        return;
    pthread_mutex_lock(&watchdog->mutex);
    watchdog->ending = true;
    pthread_cond_signal(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->mutex);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->changed);
    pthread_mutex_destroy(&watchdog->mutex);
    free(watchdog->watches);
    free(watchdog);
    *handle = NULL;
}

size_t watchdog_arm(struct watchdog *watchdog, int socket, int how, uint64_t deadline_ns)
{
    pthread_mutex_lock(&watchdog->mutex);
    size_t slot = 0;
    while (slot < watchdog->count && watchdog->watches[slot].armed)
        slot++;
    assert(slot < watchdog->count);
    watchdog->watches[slot] = (struct watch){true, false, socket, how, deadline_ns};
    pthread_cond_signal(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->mutex);
    return slot;
}

bool watchdog_disarm(struct watchdog *watchdog, size_t slot)
{
    pthread_mutex_lock(&watchdog->mutex);
    assert(watchdog->watches[slot].armed);
    watchdog->watches[slot].armed = false;
    bool fired = watchdog->watches[slot].fired;
    pthread_mutex_unlock(&watchdog->mutex);
    return fired;
}
