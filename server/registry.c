#include "server/registry.h"

#include "engine/base/clock.h"
#include "engine/base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The slowest is not judged by its first moments. FULL_MS: how long a service may be full before it says so.
 */
enum { GRACE_MS = 250, TICK_MS = 20, FULL_MS = 2000 };
/* Speed is that of the last moments: who stops after a fast beginning is slow. */
static const uint64_t window_ns = 1000000000;

struct seat {
    bool taken;
    bool
        ended; /* no longer waited for: its socket was shut, or it was asked to leave and does so by itself */
    bool asked;
    int socket;
    enum activity activity;
    uint64_t since_ns;        /* the activity began */
    uint64_t window_since_ns; /* the window of `bytes` began; `before` are those of the one before */
    uint64_t bytes, before;
};

struct registry {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    bool closing, ending_all;
    size_t count, taken, ended; /* seats; of those taken, ended */
    uint64_t full_since_ns;     /* 0: it is not */
    struct seat *seats;
};

static void begin(struct seat *seat, enum activity activity)
{
    seat->activity = activity;
    seat->since_ns = seat->window_since_ns = clock_now_ns();
    seat->bytes = seat->before = 0;
}

/* Begins another window when the one before is over. */
static void move_window(struct seat *seat, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns - seat->window_since_ns;
    if (elapsed_ns < window_ns)
        return;
    seat->before = elapsed_ns < 2 * window_ns ? seat->bytes : 0;
    seat->bytes = 0;
    seat->window_since_ns = now_ns;
}

/* Over this window and the one before, as far as the activity goes back. */
static double bytes_a_second(struct seat *seat, uint64_t now_ns)
{
    move_window(seat, now_ns);
    bool is_first = seat->window_since_ns == seat->since_ns;
    uint64_t over_ns = now_ns - seat->window_since_ns + (is_first ? 1 : window_ns);
    return (double)(seat->bytes + seat->before) / ((double)over_ns / 1e9);
}

/* True when `a` goes before `b`. */
static bool goes_first(struct seat *a, struct seat *b, uint64_t now_ns)
{
    if (a->activity != b->activity &&
        (a->activity <= ACTIVITY_LINGERING || b->activity <= ACTIVITY_LINGERING))
        return a->activity < b->activity;
    if (a->activity <= ACTIVITY_LINGERING)
        return a->since_ns < b->since_ns;
    return bytes_a_second(a, now_ns) < bytes_a_second(b, now_ns);
}

static bool may_go(const struct seat *seat, uint64_t now_ns)
{
    if (!seat->taken || seat->ended || seat->activity == ACTIVITY_WORKING)
        return false;
    return seat->activity == ACTIVITY_IDLE || now_ns - seat->since_ns >= GRACE_MS * UINT64_C(1000000);
}

/* Who is sending a request is due an answer: it is asked to leave, and ends when it does something else
 * instead, or is ended then. */
static void end(struct registry *registry, struct seat *seat)
{
    seat->ended = true;
    registry->ended++;
    seat->asked = seat->activity == ACTIVITY_READING;
    if (!seat->asked)
        shutdown(seat->socket, SHUT_RDWR);
}

/* A request in memory is read or answered at the client's speed. */
static bool holds_memory(const struct seat *seat)
{
    return seat->activity == ACTIVITY_READING || seat->activity == ACTIVITY_WRITING;
}

/* The connection that goes first, of those that hold memory when only these may go; NULL when none may. */
static struct seat *find_first(struct registry *registry, bool only_holders)
{
    struct seat *first = NULL;
    uint64_t now_ns = clock_now_ns();
    for (size_t i = 0; i < registry->count; i++) {
        struct seat *seat = &registry->seats[i];
        if (may_go(seat, now_ns) && (!only_holders || holds_memory(seat)) &&
            (!first || goes_first(seat, first, now_ns)))
            first = seat;
    }
    return first;
}

/* One thread is kept for who comes next: those that were ended count as gone. */
static void make_room(struct registry *registry)
{
    struct seat *first;
    while (registry->taken - registry->ended >= registry->count && (first = find_first(registry, false)))
        end(registry, first);
}

/* Makes room again and again while the registry is full: who may not go now may soon. */
static void *watch(void *argument)
{
    struct registry *registry = argument;
    pthread_mutex_lock(&registry->mutex);
    while (!registry->closing)
        if (!registry->full_since_ns) {
            clock_wait(&registry->changed, &registry->mutex, UINT64_MAX);
        } else {
            make_room(registry);
            clock_wait(&registry->changed, &registry->mutex, clock_now_ns() + TICK_MS * UINT64_C(1000000));
        }
    pthread_mutex_unlock(&registry->mutex);
    return NULL;
}

enum status registry_create(size_t seats, struct failure *failure, struct registry **out)
{
    struct registry *registry = memory_allocate(1, sizeof *registry);
    registry->count = seats;
    registry->seats = memory_allocate(seats, sizeof *registry->seats);
    clock_condition_init(&registry->changed);
    pthread_mutex_init(&registry->mutex, NULL);
    if (!pthread_create(&registry->thread, NULL, watch, registry)) {
        *out = registry;
        return STATUS_OK;
    }
    pthread_mutex_destroy(&registry->mutex);
    pthread_cond_destroy(&registry->changed);
    free(registry->seats);
    free(registry);
    return failure_set(
        failure, STATUS_UNAVAILABLE,
        "The system gives no further thread; raise the limit of processes (ulimit -u, pids.max).");
}

void registry_destroy(struct registry **handle)
{
    struct registry *registry = handle ? *handle : NULL;
    if (!registry)
        return;
    pthread_mutex_lock(&registry->mutex);
    assert(!registry->taken);
    registry->closing = true;
    pthread_cond_signal(&registry->changed);
    pthread_mutex_unlock(&registry->mutex);
    pthread_join(registry->thread, NULL);
    pthread_mutex_destroy(&registry->mutex);
    pthread_cond_destroy(&registry->changed);
    free(registry->seats);
    free(registry);
    *handle = NULL;
}

size_t registry_enter(struct registry *registry, int socket)
{
    pthread_mutex_lock(&registry->mutex);
    size_t i = 0;
    while (i < registry->count && registry->seats[i].taken)
        i++;
    assert(i < registry->count);
    registry->seats[i] = (struct seat){.taken = true, .socket = socket};
    begin(&registry->seats[i], ACTIVITY_READING);
    if (registry->ending_all)
        shutdown(socket, SHUT_RDWR);
    if (++registry->taken == registry->count) {
        registry->full_since_ns = clock_now_ns();
        make_room(registry);
        pthread_cond_signal(&registry->changed);
    }
    pthread_mutex_unlock(&registry->mutex);
    return i;
}

void registry_leave(struct registry *registry, size_t seat)
{
    pthread_mutex_lock(&registry->mutex);
    assert(registry->seats[seat].taken);
    registry->ended -= registry->seats[seat].ended;
    registry->seats[seat] = (struct seat){0};
    registry->taken--;
    registry->full_since_ns = 0;
    pthread_mutex_unlock(&registry->mutex);
}

void registry_begin(struct registry *registry, size_t seat, enum activity activity)
{
    pthread_mutex_lock(&registry->mutex);
    struct seat *own = &registry->seats[seat];
    begin(own, activity);
    if (own->asked) { /* it answers now: where that takes long, it is in the way again */
        own->asked = own->ended = false;
        registry->ended--;
    }
    pthread_mutex_unlock(&registry->mutex);
}

void registry_progress(struct registry *registry, size_t seat, size_t bytes)
{
    pthread_mutex_lock(&registry->mutex);
    move_window(&registry->seats[seat], clock_now_ns());
    registry->seats[seat].bytes += bytes;
    pthread_mutex_unlock(&registry->mutex);
}

bool registry_end_slower(struct registry *registry, size_t seat)
{
    pthread_mutex_lock(&registry->mutex);
    bool leaving = registry->ended;
    struct seat *first = leaving ? NULL : find_first(registry, true);
    if (first && first != &registry->seats[seat]) {
        end(registry, first);
        leaving = true;
    }
    pthread_mutex_unlock(&registry->mutex);
    return leaving;
}

bool registry_was_ended(struct registry *registry, size_t seat)
{
    pthread_mutex_lock(&registry->mutex);
    bool ended = registry->seats[seat].ended;
    pthread_mutex_unlock(&registry->mutex);
    return ended;
}

void registry_end_all(struct registry *registry)
{
    pthread_mutex_lock(&registry->mutex);
    registry->ending_all = true;
    for (size_t i = 0; i < registry->count; i++)
        if (registry->seats[i].taken) {
            registry->ended += !registry->seats[i].ended;
            registry->seats[i].ended = true;
            registry->seats[i].asked = false;
            shutdown(registry->seats[i].socket, SHUT_RDWR);
        }
    pthread_mutex_unlock(&registry->mutex);
}

size_t registry_taken(struct registry *registry)
{
    pthread_mutex_lock(&registry->mutex);
    size_t taken = registry->taken;
    pthread_mutex_unlock(&registry->mutex);
    return taken;
}

bool registry_has_room(struct registry *registry)
{
    pthread_mutex_lock(&registry->mutex);
    uint64_t since_ns = registry->full_since_ns;
    bool full = since_ns && clock_elapsed_ms(since_ns) > FULL_MS;
    pthread_mutex_unlock(&registry->mutex);
    return !full;
}
