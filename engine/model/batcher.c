#include "engine/model/batcher.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE };

/* One image on its way. Owned by the request until it gives up waiting while the job runs: then by the
 * worker. */
struct job {
    struct job *next;
    struct batcher_image image;
    enum job_state state;
    bool abandoned;
    uint64_t queued_ns;
    struct failure failure;
    struct answer answer;
};

struct batcher {
    struct model *model;
    const struct model_card *card;
    struct batcher_options options;
    pthread_t worker;
    pthread_mutex_t lock;
    pthread_cond_t work_arrived, batch_done;
    struct job *first, **last; /* the queue, oldest first */
    size_t depth;
    uint64_t sizes[BATCHER_BATCH_MAX]; /* [n - 1]: batches of n images taken */
    bool stopping, device_lost;
};

void answer_finish(struct answer *answer)
{
    for (size_t i = 0; i < answer->head_count; i++) {
        free(answer->logits[i]);
        free(answer->attention[i]);
    }
    free(answer->logits);
    free(answer->attention);
    *answer = (struct answer){0};
}

static void job_destroy(struct job *job)
{
    answer_finish(&job->answer);
    free(job->image.pixels);
    free(job);
}

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

/* Takes up to max_batch jobs off the queue; the lock is held. */
static uint32_t take_batch(struct batcher *batcher, struct job **jobs)
{
    uint32_t count = 0;
    while (batcher->first && count < batcher->options.max_batch) {
        struct job *job = batcher->first;
        batcher->first = job->next;
        job->state = JOB_RUNNING;
        jobs[count++] = job;
    }
    if (!batcher->first)
        batcher->last = &batcher->first;
    batcher->depth -= count;
    if (count)
        batcher->sizes[count - 1]++;
    return count;
}

static void wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t time_ns)
{
    struct timespec until = {.tv_sec = (time_t)(time_ns / 1000000000u),
                             .tv_nsec = (long)(time_ns % 1000000000u)};
    pthread_cond_timedwait(condition, lock, &until);
}

/* Waits for work, and with a delay for a full batch; the lock is held. False when the batcher stops. */
static bool wait_for_work(struct batcher *batcher)
{
    while (!batcher->first && !batcher->stopping)
        pthread_cond_wait(&batcher->work_arrived, &batcher->lock);
    while (!batcher->stopping && batcher->first && batcher->depth < batcher->options.max_batch) {
        uint64_t due = batcher->first->queued_ns + (uint64_t)batcher->options.max_queue_delay_us * 1000;
        if (clock_now_ns() >= due)
            break;
        wait_until(&batcher->work_arrived, &batcher->lock, due);
    }
    return !batcher->stopping;
}

/* Runs one batch; the lock is not held. */
static void run_batch(struct batcher *batcher, struct job **jobs, uint32_t count)
{
    struct model_image *images = memory_allocate(count, sizeof *images);
    struct failure failure = {0};
    for (uint32_t i = 0; i < count; i++) {
        jobs[i]->answer.queue_ms = clock_elapsed_ms(jobs[i]->queued_ns);
        images[i] =
            (struct model_image){jobs[i]->image.pixels, jobs[i]->image.minimum, jobs[i]->image.maximum};
    }
    uint64_t start_ns = clock_now_ns();
    enum status status = model_run(batcher->model, images, count, &failure);
    double inference_ms = clock_elapsed_ms(start_ns);
    if (status)
        log_message(LOG_ERROR, "a batch of %u failed: %s", count, failure.sentence);
    for (uint32_t i = 0; i < count; i++) {
        jobs[i]->failure = failure;
        jobs[i]->answer.inference_ms = inference_ms;
        if (!status)
            collect_answer(batcher, i, &jobs[i]->answer);
    }
    free(images);
}

static void *work(void *context)
{
    struct batcher *batcher = context;
    struct job **jobs = memory_allocate(batcher->options.max_batch, sizeof(struct job *));
    pthread_mutex_lock(&batcher->lock);
    while (wait_for_work(batcher)) {
        uint32_t count = take_batch(batcher, jobs);
        if (!count)
            continue;
        pthread_mutex_unlock(&batcher->lock);
        run_batch(batcher, jobs, count);
        pthread_mutex_lock(&batcher->lock);
        for (uint32_t i = 0; i < count; i++) {
            batcher->device_lost |= jobs[i]->failure.status == STATUS_DEVICE_LOST;
            jobs[i]->state = JOB_DONE;
            if (jobs[i]->abandoned)
                job_destroy(jobs[i]);
        }
        pthread_cond_broadcast(&batcher->batch_done);
    }
    for (struct job *job = batcher->first; job; job = job->next) {
        failure_set(&job->failure, STATUS_UNAVAILABLE, "The service is shutting down; try again.");
        job->state = JOB_DONE;
    }
    batcher->first = NULL;
    batcher->last = &batcher->first;
    batcher->depth = 0;
    pthread_cond_broadcast(&batcher->batch_done);
    pthread_mutex_unlock(&batcher->lock);
    free(jobs);
    return NULL;
}

enum status batcher_create(struct model *model, const struct model_card *card,
                           const struct batcher_options *options, struct failure *failure,
                           struct batcher **out)
{
    assert(options->max_batch > 0 && options->max_batch <= BATCHER_BATCH_MAX && options->max_queue > 0);
    struct batcher *batcher = memory_allocate(1, sizeof *batcher);
    *batcher = (struct batcher){.model = model, .card = card, .options = *options};
    batcher->last = &batcher->first;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&batcher->lock, NULL);
    pthread_cond_init(&batcher->work_arrived, &monotonic);
    pthread_cond_init(&batcher->batch_done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&batcher->worker, NULL, work, batcher)) {
        free(batcher);
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
    pthread_mutex_lock(&batcher->lock);
    batcher->stopping = true;
    pthread_cond_broadcast(&batcher->work_arrived);
    pthread_mutex_unlock(&batcher->lock);
    pthread_join(batcher->worker, NULL);
    pthread_cond_destroy(&batcher->batch_done);
    pthread_cond_destroy(&batcher->work_arrived);
    pthread_mutex_destroy(&batcher->lock);
    free(batcher);
    *handle = NULL;
}

/* Queues all jobs or none; the lock is held. */
static enum status enqueue(struct batcher *batcher, struct job **jobs, size_t count, struct failure *failure)
{
    if (batcher->stopping)
        return failure_set(failure, STATUS_UNAVAILABLE, "The service is shutting down; try again.");
    if (batcher->device_lost)
        return failure_set(failure, STATUS_DEVICE_LOST, "The device was lost; try again.");
    if (batcher->depth + count > batcher->options.max_queue)
        return failure_set(failure, STATUS_UNAVAILABLE, "The queue of %u images is full; try again.",
                           batcher->options.max_queue);
    for (size_t i = 0; i < count; i++) {
        jobs[i]->queued_ns = clock_now_ns();
        *batcher->last = jobs[i];
        batcher->last = &jobs[i]->next;
    }
    batcher->depth += count;
    pthread_cond_broadcast(&batcher->work_arrived);
    return STATUS_OK;
}

/* Waits for all jobs; the lock is held. False when the deadline passed first. */
static bool wait_for_all(struct batcher *batcher, struct job **jobs, size_t count, uint64_t deadline_ns)
{
    for (size_t i = 0; i < count; i++)
        while (jobs[i]->state != JOB_DONE) {
            if (!deadline_ns) {
                pthread_cond_wait(&batcher->batch_done, &batcher->lock);
                continue;
            }
            if (clock_now_ns() >= deadline_ns)
                return false;
            wait_until(&batcher->batch_done, &batcher->lock, deadline_ns);
        }
    return true;
}

/* Takes a waiting job out of the queue; the lock is held. */
static void unlink_job(struct batcher *batcher, struct job *job)
{
    struct job **at = &batcher->first;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (!job->next)
        batcher->last = at;
    batcher->depth--;
}

/* After the deadline: waiting jobs cost no device work, a running one is left to the worker; the lock is
 * held. */
static void give_up(struct batcher *batcher, struct job **jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->state == JOB_RUNNING) {
            jobs[i]->abandoned = true;
            continue;
        }
        if (jobs[i]->state == JOB_WAITING)
            unlink_job(batcher, jobs[i]);
        job_destroy(jobs[i]);
    }
}

/* Hands the answers over when all jobs went well. */
static enum status hand_over(struct job **jobs, size_t count, struct failure *failure, struct answer *out)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && !status; i++)
        if ((status = jobs[i]->failure.status) && failure)
            *failure = jobs[i]->failure;
    for (size_t i = 0; i < count; i++) {
        if (!status) {
            out[i] = jobs[i]->answer;
            jobs[i]->answer = (struct answer){0};
        }
        job_destroy(jobs[i]);
    }
    return status;
}

enum status batcher_run(struct batcher *batcher, const struct batcher_image *images, size_t count,
                        uint64_t deadline_ns, struct failure *failure, struct answer *out)
{
    struct job **jobs = memory_allocate(count, sizeof(struct job *));
    for (size_t i = 0; i < count; i++) {
        jobs[i] = memory_allocate(1, sizeof **jobs);
        jobs[i]->image = images[i];
    }
    pthread_mutex_lock(&batcher->lock);
    enum status status = enqueue(batcher, jobs, count, failure);
    if (status) {
        for (size_t i = 0; i < count; i++)
            job_destroy(jobs[i]);
    } else if (!wait_for_all(batcher, jobs, count, deadline_ns)) {
        give_up(batcher, jobs, count);
        status =
            failure_set(failure, STATUS_TIMEOUT, "The request's deadline passed before it was answered.");
    } else {
        status = hand_over(jobs, count, failure, out);
    }
    pthread_mutex_unlock(&batcher->lock);
    free(jobs);
    return status;
}

size_t batcher_depth(struct batcher *batcher)
{
    pthread_mutex_lock(&batcher->lock);
    size_t depth = batcher->depth;
    pthread_mutex_unlock(&batcher->lock);
    return depth;
}

bool batcher_usable(struct batcher *batcher)
{
    pthread_mutex_lock(&batcher->lock);
    bool usable = !batcher->device_lost;
    pthread_mutex_unlock(&batcher->lock);
    return usable;
}

void batcher_count_sizes(struct batcher *batcher, uint64_t out[BATCHER_BATCH_MAX])
{
    pthread_mutex_lock(&batcher->lock);
    memcpy(out, batcher->sizes, sizeof batcher->sizes);
    pthread_mutex_unlock(&batcher->lock);
}
