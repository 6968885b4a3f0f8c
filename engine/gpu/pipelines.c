/* Many pipelines made side by side. */
#include <pthread.h>

#include "engine/base/parallel.h"
#include "engine/gpu/pipeline.h"

struct making {
    struct gpu_device *device;
    const struct gpu_pipeline_request *requests;
    pthread_mutex_t mutex;
    struct failure failure; /* the first */
};

static bool failed(struct making *making, const struct failure *failure)
{
    pthread_mutex_lock(&making->mutex);
    if (failure && making->failure.status == STATUS_OK)
        making->failure = *failure;
    bool failed = making->failure.status != STATUS_OK;
    pthread_mutex_unlock(&making->mutex);
    return failed;
}

static void make(void *context, size_t index)
{
    struct making *making = context;
    const struct gpu_pipeline_request *request = &making->requests[index];
    struct failure failure = {0};
    if (!failed(making, NULL) && gpu_pipeline_create(making->device, request->shader, &request->options,
                                                     &failure, request->out) != STATUS_OK)
        (void)failed(making, &failure);
}

enum status gpu_pipelines_create(struct gpu_device *device, const struct gpu_pipeline_request *requests,
                                 size_t count, struct failure *failure)
{
    struct making making = {.device = device, .requests = requests};
    pthread_mutex_init(&making.mutex, NULL);
    parallel_run(count, make, &making);
    pthread_mutex_destroy(&making.mutex);
    if (making.failure.status != STATUS_OK && failure)
        *failure = making.failure;
    return making.failure.status;
}
