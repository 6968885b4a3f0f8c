/* Many pipelines made side by side. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "engine/gpu/pipeline.h"

enum { THREADS_MAX = 16 };

struct making {
    struct gpu_device *device;
    const struct gpu_pipeline_request *requests;
    size_t count;
    atomic_size_t next;
    pthread_mutex_t mutex;
    struct failure failure; /* the first */
};

static void *make(void *context)
{
    struct making *making = context;
    for (size_t i; (i = atomic_fetch_add(&making->next, 1)) < making->count;) {
        const struct gpu_pipeline_request *request = &making->requests[i];
        struct failure failure = {0};
        if (gpu_pipeline_create(making->device, request->shader, &request->options, &failure, request->out) ==
            STATUS_OK)
            continue;
        atomic_store(&making->next, making->count);
        pthread_mutex_lock(&making->mutex);
        if (making->failure.status == STATUS_OK)
            making->failure = failure;
        pthread_mutex_unlock(&making->mutex);
    }
    return NULL;
}

enum status gpu_pipelines_create(struct gpu_device *device, const struct gpu_pipeline_request *requests,
                                 size_t count, struct failure *failure)
{
    struct making making = {.device = device, .requests = requests, .count = count};
    pthread_t threads[THREADS_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int started = 0;
    pthread_mutex_init(&making.mutex, NULL);
    while (started < THREADS_MAX && started + 1 < cores && (size_t)started + 1 < count &&
           pthread_create(&threads[started], NULL, make, &making) == 0)
        started++;
    make(&making); /* this thread too: without others it does it all */
    while (started > 0)
        pthread_join(threads[--started], NULL);
    pthread_mutex_destroy(&making.mutex);
    if (making.failure.status != STATUS_OK && failure)
        *failure = making.failure;
    return making.failure.status;
}
