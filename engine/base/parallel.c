#include "engine/base/parallel.h"

#include <pthread.h>
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

void parallel_run(size_t count, void (*part)(void *context, size_t index), void *context)
{
    struct job job = {.part = part, .context = context, .count = count};
    pthread_t threads[THREADS_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int started = 0;
    while (started < THREADS_MAX && started + 1 < cores && (size_t)started + 1 < count &&
           pthread_create(&threads[started], NULL, work, &job) == 0)
        started++;
    work(&job); /* this thread too: without others it does it all */
    while (started > 0)
        pthread_join(threads[--started], NULL);
}
