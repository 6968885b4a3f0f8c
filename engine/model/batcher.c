#include "engine/model/batcher.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* How soon a batch that has filled while another runs is noticed. */
static const uint64_t filling_check_ns = 1000000;

/* A batch on the device. */
struct flight {
    struct job **jobs; /* [max_batch] */
    uint32_t count;
    uint64_t start_ns;
    struct failure failure; /* of its submission */
};

struct batcher {
    struct model *model;
    const struct model_card *card;
    struct batcher_options options;
    struct queue *queue;
    pthread_t worker;
    struct flight flights[MODEL_IN_FLIGHT_MAX]; /* used in turn, as the model's */
    uint64_t launched, landed;                  /* batches so far */
    uint64_t landed_ns;                         /* when the device was done with the last */
    atomic_bool device_lost;
    _Atomic uint64_t sizes[BATCHER_BATCH_MAX]; /* [n - 1]: batches of n images taken */
};

static float *copy_floats(const float *values, size_t count)
{
    float *copy = memory_allocate(count, sizeof *copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

static void collect_answer(const struct batcher *batcher, uint32_t image, struct answer *answer)
{
    const struct model_card *card = batcher->card;
    answer->head_count = card->head_count;
    answer->logits = memory_allocate(card->head_count, sizeof *answer->logits);
    answer->attention = memory_allocate(card->head_count, sizeof *answer->attention);
    for (size_t i = 0; i < card->head_count; i++) {
        size_t labels = card->heads[i].label_count;
        const float *attention = model_attention(batcher->model, i, image);
        answer->logits[i] = copy_floats(model_logits(batcher->model, i, image), labels);
        if (attention)
            answer->attention[i] = copy_floats(attention, labels * model_shape(batcher->model)->patches);
    }
}

static struct flight *flight_of(struct batcher *batcher, uint64_t batch)
{
    return &batcher->flights[batch % MODEL_IN_FLIGHT_MAX];
}

/* Submits the jobs just taken into the next flight. */
static void launch(struct batcher *batcher, uint32_t count)
{
    struct flight *flight = flight_of(batcher, batcher->launched++);
    struct model_image *images = memory_allocate(count, sizeof *images);
    for (uint32_t i = 0; i < count; i++) {
        const struct batcher_image *image = &flight->jobs[i]->image;
        images[i] = (struct model_image){image->pixels, image->minimum, image->maximum};
    }
    flight->count = count;
    atomic_fetch_add(&batcher->sizes[count - 1], 1);
    flight->start_ns = clock_now_ns();
    flight->failure = (struct failure){0};
    (void)!model_submit(batcher->model, images, count, &flight->failure); /* told when it lands */
    free(images);
}

/* Waits for the oldest flight and returns its jobs; comes back earlier when `timeout_ns` are over. */
static void land(struct batcher *batcher, uint64_t timeout_ns)
{
    struct flight *flight = flight_of(batcher, batcher->landed);
    struct failure failure = flight->failure;
    enum status status = failure.status;
    if (!status)
        status = model_wait(batcher->model, timeout_ns, &failure);
    if (status == STATUS_TIMEOUT)
        return;
    batcher->landed++;
    if (batcher->landed_ns > flight->start_ns)
        flight->start_ns = batcher->landed_ns; /* until then the device was busy with the one before */
    batcher->landed_ns = clock_now_ns();
    if (status)
        log_message(LOG_ERROR, "a batch of %u failed: %s", flight->count, failure.sentence);
    for (uint32_t i = 0; i < flight->count && !status; i++) {
        struct job *job = flight->jobs[i];
        collect_answer(batcher, i, &job->answer);
        job->answer.queue_ms = (double)(flight->start_ns - job->queued_ns) * 1e-6;
        job->answer.inference_ms = (double)(batcher->landed_ns - flight->start_ns) * 1e-6;
    }
    if (status == STATUS_DEVICE_LOST) {
        struct failure closed;
        failure_set(&closed, STATUS_DEVICE_LOST, "The device was lost; try again.");
        atomic_store(&batcher->device_lost, true);
        queue_close(batcher->queue, &closed);
    }
    queue_return(batcher->queue, flight->jobs, flight->count, &failure);
}

static void *work(void *context)
{
    struct batcher *batcher = context;
    uint32_t max_batch = model_max_batch(batcher->model), in_flight_max = model_in_flight_max(batcher->model);
    for (;;) {
        uint64_t in_flight = batcher->launched - batcher->landed;
        struct job **jobs = flight_of(batcher, batcher->launched)->jobs;
        uint32_t count = 0;
        if (!in_flight)
            count = queue_take(batcher->queue, max_batch, batcher->options.max_queue_delay_us, jobs);
        else if (in_flight < in_flight_max)
            count = queue_take_full(batcher->queue, max_batch, jobs);
        if (count)
            launch(batcher, count);
        else if (in_flight)
            land(batcher, in_flight < in_flight_max ? filling_check_ns : UINT64_MAX);
        else
            return NULL;
    }
}

static void batcher_free(struct batcher *batcher)
{
    for (int i = 0; i < MODEL_IN_FLIGHT_MAX; i++)
        free(batcher->flights[i].jobs);
    queue_destroy(&batcher->queue);
    free(batcher);
}

enum status batcher_create(struct model *model, const struct model_card *card,
                           const struct batcher_options *options, struct failure *failure,
                           struct batcher **out)
{
    assert(options->max_queue > 0 && model_max_batch(model) <= BATCHER_BATCH_MAX);
    struct batcher *batcher = memory_allocate(1, sizeof *batcher);
    *batcher = (struct batcher){.model = model, .card = card, .options = *options};
    batcher->queue = queue_create(options->max_queue);
    for (int i = 0; i < MODEL_IN_FLIGHT_MAX; i++)
        batcher->flights[i].jobs = memory_allocate(model_max_batch(model), sizeof(struct job *));
    if (pthread_create(&batcher->worker, NULL, work, batcher)) {
        batcher_free(batcher);
        return failure_set(failure, STATUS_OUT_OF_MEMORY, "The device's worker thread could not be started.");
    }
    *out = batcher;
    return STATUS_OK;
}

void batcher_destroy(struct batcher **handle)
{
    struct batcher *batcher = handle ? *handle : NULL;
    if (!batcher)
        return;
    queue_end(batcher->queue);
    pthread_join(batcher->worker, NULL);
    batcher_free(batcher);
    *handle = NULL;
}

enum status batcher_run(struct batcher *batcher, const struct batcher_image *images, size_t count,
                        const struct batcher_client *client, struct failure *failure, struct answer *out)
{
    return queue_run(batcher->queue, images, count, client, failure, out);
}

size_t batcher_depth(struct batcher *batcher)
{
    return queue_depth(batcher->queue);
}

bool batcher_usable(struct batcher *batcher)
{
    return !atomic_load(&batcher->device_lost);
}

void batcher_count_sizes(struct batcher *batcher, uint64_t out[BATCHER_BATCH_MAX])
{
    for (size_t i = 0; i < BATCHER_BATCH_MAX; i++)
        out[i] = atomic_load(&batcher->sizes[i]);
}
