#include "tests/unit/api/fake_device.h"

#include "engine/base/clock.h"
#include "engine/model/queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct fake_device {
    struct queue *queue;
    pthread_t worker;
    uint32_t max_batch, batch_ms;
    _Atomic uint64_t sizes[ENGINE_BATCH_MAX];
};

static void sleep_until(uint64_t time_ns)
{
    struct timespec until = {(time_t)(time_ns / 1000000000u), (long)(time_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
        ;
}

static void *work(void *context)
{
    struct fake_device *device = context;
    const struct failure none = {0};
    struct job *jobs[ENGINE_BATCH_MAX];
    for (uint32_t count; (count = queue_take(device->queue, device->max_batch, 0, jobs));) {
        uint64_t start_ns = clock_now_ns();
        atomic_fetch_add(&device->sizes[count - 1], 1);
        sleep_until(start_ns + device->batch_ms * UINT64_C(1000000));
        for (uint32_t i = 0; i < count; i++) {
            jobs[i]->answer.queue_ms = (double)(start_ns - jobs[i]->queued_ns) * 1e-6;
            jobs[i]->answer.inference_ms = clock_elapsed_ms(start_ns);
        }
        queue_return(device->queue, jobs, count, &none);
    }
    return NULL;
}

struct fake_device *fake_device_create(uint32_t max_batch, uint32_t batch_ms)
{
    struct fake_device *device = memory_allocate(1, sizeof *device);
    device->max_batch = max_batch;
    device->batch_ms = batch_ms;
    device->queue = queue_create(FAKE_QUEUE);
    queue_join(device->queue);
    int failed = pthread_create(&device->worker, NULL, work, device);
    assert(!failed);
    (void)failed;
    return device;
}

void fake_device_destroy(struct fake_device **device)
{
    if (!*device)
        return;
    queue_end((*device)->queue);
    pthread_join((*device)->worker, NULL);
    queue_destroy(&(*device)->queue);
    free(*device);
    *device = NULL;
}

enum status fake_device_run(struct fake_device *device, size_t count, const struct predict_options *options,
                            struct failure *failure, struct prediction_timing *timing)
{
    struct batcher_image *images = memory_allocate(count, sizeof *images);
    struct answer *answers = memory_allocate(count, sizeof *answers);
    for (size_t i = 0; i < count; i++)
        images[i].pixels = memory_allocate(1, 1);
    enum status status = queue_run(device->queue, images, count, &options->patience, failure, answers);
    if (!status) {
        timing->queue_ms = answers[0].queue_ms;
        timing->inference_ms = answers[0].inference_ms;
    }
    free(images);
    free(answers);
    return status;
}

void fake_device_statistics(struct fake_device *device, struct engine_statistics *out)
{
    out->queue_depth = queue_depth(device->queue);
    out->request_capacity = (size_t)device->max_batch * 2; /* as of an engine with one batch in flight */
    for (size_t i = 0; i < ENGINE_BATCH_MAX; i++) {
        out->batch_size_counts[i] += device->sizes[i];
        out->batches += device->sizes[i];
        out->images += device->sizes[i] * (i + 1);
    }
}
