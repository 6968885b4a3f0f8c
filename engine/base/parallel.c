#include "engine/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { THREADS_MAX = 16 };

struct job {
    void (*part)(void *context, size_t index);
    void *context;
    size_t count;
    atomic_size_t next;
};

static void *work(void *context)
{
    struct job *job = context;
    for (size_t i; (i = atomic_fetch_add(&job->next, 1)) < job->count;)
        job->part(job->context, i);
    return NULL;
}

size_t core_count(void)
{
    cpu_set_t cores;
    if (!sched_getaffinity(0, sizeof cores, &cores))
        return (size_t)CPU_COUNT(&cores);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* the set has no place for over 1024 */
    return online > 1 ? (size_t)online : 1;
}

void parallel_run(size_t count, void (*part)(void *context, size_t index), void *context)
{
    struct job job = {.part = part, .context = context, .count = count};
    pthread_t threads[THREADS_MAX];
    size_t most = core_count() < count ? core_count() : count, started = 0;
    while (started < THREADS_MAX && started + 1 < most &&
           pthread_create(&threads[started], NULL, work, &job) == 0)
        started++;
    work(&job); /* this thread too: without others it does it all */
    while (started > 0)
        pthread_join(threads[--started], NULL);
}
