#include "server/limits.h"

#include "engine/base/log.h"
#include "server/control_group.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    RESERVE_BYTES = 16 << 20,
    PROBE_STACK_BYTES = 64 << 10,
    OTHER_THREADS = 32,         /* of devices, models, decoders and the log */
    CONNECTION_DESCRIPTORS = 2, /* each is in the HTTP library's hands and in ours */
    OTHER_DESCRIPTORS = 256     /* devices, decoders, weights */
};

/* Bodies and images come and go on many threads. Left to itself the allocator learns from the first large one
 * to keep all that are smaller, for each of its arenas: what one bad hour took would never go back. */
static void bound_allocator(void)
{
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_ARENA_MAX, 8);
    memory_reserve(RESERVE_BYTES);
}

static void forbid_core_dumps(void)
{
    const struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0); /* where a core goes to a program, its limit does not count */
}

static enum status provide_descriptors(struct settings *settings, struct failure *failure)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t needed = (rlim_t)settings->threads * CONNECTION_DESCRIPTORS + OTHER_DESCRIPTORS;
    if (limit.rlim_cur < needed) {
        limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= needed)
        return STATUS_OK;
    if (limit.rlim_cur < OTHER_DESCRIPTORS + CONNECTION_DESCRIPTORS)
        return failure_set(failure, STATUS_UNAVAILABLE,
                           "The process may open %llu files, and needs %d; raise ulimit -n.",
                           (unsigned long long)limit.rlim_cur, OTHER_DESCRIPTORS + CONNECTION_DESCRIPTORS);
    uint32_t threads = (uint32_t)(limit.rlim_cur - OTHER_DESCRIPTORS) / CONNECTION_DESCRIPTORS;
    log_message(LOG_WARNING,
                "the process may open %llu files: %u connections are served at once instead of %u; raise "
                "ulimit -n for more",
                (unsigned long long)limit.rlim_cur, threads, settings->threads);
    settings->threads = threads;
    return STATUS_OK;
}

static void *wait_for_lock(void *lock)
{
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return NULL;
}

/* How many threads the system gives at once, of so many: it is asked for them. */
static uint32_t count_threads(uint32_t wanted)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t *threads = memory_allocate(wanted, sizeof *threads);
    pthread_attr_t small;
    uint32_t count = 0;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, PROBE_STACK_BYTES);
    pthread_mutex_lock(&lock);
    while (count < wanted && !pthread_create(&threads[count], &small, wait_for_lock, &lock))
        count++;
    pthread_mutex_unlock(&lock);
    for (uint32_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&small);
    free(threads);
    return count;
}

/* The HTTP library does not look whether it got its threads, and without its first one never listens. */
static enum status provide_threads(struct settings *settings, struct failure *failure)
{
    uint32_t wanted = settings->threads + OTHER_THREADS, got = count_threads(wanted);
    if (got == wanted)
        return STATUS_OK;
    if (got <= OTHER_THREADS)
        return failure_set(
            failure, STATUS_UNAVAILABLE,
            "The system gives the process %u threads, and it needs %d; raise the limit (ulimit -u, "
            "pids.max).",
            got, OTHER_THREADS + 1);
    log_message(
        LOG_WARNING,
        "the system gives the process %u threads: %u connections are served at once instead of %u; raise "
        "the limit (ulimit -u, pids.max) for more",
        got, got - OTHER_THREADS, settings->threads);
    settings->threads = got - OTHER_THREADS;
    return STATUS_OK;
}

enum status limits_set(struct settings *settings, struct failure *failure)
{
    bound_allocator();
    if (!settings->core_dumps)
        forbid_core_dumps();
    enum status status = provide_descriptors(settings, failure);
    if (!status)
        status = provide_threads(settings, failure);
    return status;
}

size_t limits_request_bytes(const struct settings *settings)
{
    static const size_t least = (size_t)128 << 20, most = (size_t)4 << 30;
    if (settings->request_memory_mib)
        return (size_t)settings->request_memory_mib << 20;
    struct rlimit space = {0};
    getrlimit(RLIMIT_AS, &space);
    const size_t bounds[] = {(size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE),
                             space.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)space.rlim_cur,
                             control_group_memory_bytes("/proc/self/cgroup", "/sys/fs/cgroup")};
    size_t there_is = SIZE_MAX;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        there_is = bounds[i] < there_is ? bounds[i] : there_is;
    size_t share = there_is / 4;
    return share < least ? least : share > most ? most : share;
}
