#include "engine/model/queue.h"

#include "engine/base/clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* How soon a client that has gone is noticed. */
static const uint64_t client_check_ns = 50000000;

/* Owned by who reserved it until it gives up while some run: then by the worker that returns the last of
 * them. */
struct queue_request {
    struct queue *queue;
    struct queue_request *next; /* in the queue, while images wait */
    struct job *jobs;
    size_t places, added, taken, running; /* jobs; those taken are never put back */
    bool abandoned;
    struct failure failure;
    pthread_cond_t answered;
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct queue_request *first, **last; /* whose turn is next */
    size_t depth, reserved, limit;       /* images that wait, that are to come, of both together */
    size_t workers, idle;                /* taking part; of those, waiting for work */
    struct failure closed;               /* status OK: open */
    bool ended;
};

void answer_finish(struct answer *answer)
{
    for (size_t i = 0; i < answer->head_count; i++) {
        free(answer->logits[i]);
        free(answer->attention[i]);
    }
    free(answer->logits);
    free(answer->attention);
    free(answer->class_token);
    free(answer->mean);
    free(answer->patches.data);
    *answer = (struct answer){0};
}

struct queue *queue_create(size_t limit)
{
    struct queue *queue = memory_allocate(1, sizeof *queue);
    queue->limit = limit;
    queue->last = &queue->first;
    pthread_mutex_init(&queue->lock, NULL);
    clock_condition_init(&queue->arrived);
    return queue;
}

void queue_destroy(struct queue **handle)
{
    struct queue *queue = handle ? *handle : NULL;
    if (!queue)
        return;
    assert(!queue->first);
    pthread_cond_destroy(&queue->arrived);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
    *handle = NULL;
}

static void request_destroy(struct queue_request *request)
{
    for (size_t i = 0; i < request->added; i++) {
        answer_finish(&request->jobs[i].answer);
        free(request->jobs[i].image.pixels);
    }
    pthread_cond_destroy(&request->answered);
    free(request->jobs);
    free(request);
}

/* From here on the lock is held but where it says otherwise. */

static bool request_over(const struct queue_request *request)
{
    return request->taken == request->added && !request->running;
}

static void append(struct queue *queue, struct queue_request *request)
{
    request->next = NULL;
    *queue->last = request;
    queue->last = &request->next;
}

/* Takes the images that still wait out of the queue: they cost no device work. */
static void withdraw(struct queue *queue, struct queue_request *request)
{
    if (request->taken == request->added)
        return;
    struct queue_request **at = &queue->first;
    while (*at != request)
        at = &(*at)->next;
    *at = request->next;
    if (!*at)
        queue->last = at;
    queue->depth -= request->added - request->taken;
    request->taken = request->added;
}

static void fail(struct queue *queue, struct queue_request *request, const struct failure *failure)
{
    if (!request->failure.status)
        request->failure = *failure;
    withdraw(queue, request);
    if (request_over(request))
        pthread_cond_signal(&request->answered);
}

static enum status reserve(struct queue *queue, size_t places, struct failure *failure)
{
    if (queue->closed.status) {
        if (failure)
            *failure = queue->closed;
        return queue->closed.status;
    }
    if (places > queue->limit)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "The request has %zu images, and the queue holds at most %zu; send fewer at once.",
                           places, queue->limit);
    const size_t held = queue->depth + queue->reserved, kept = places > 1 && held ? queue->limit / 4 : 0;
    if (held + places + kept > queue->limit)
        return failure_set(failure, STATUS_QUEUE_FULL, "The queue of %zu images is full; try again.",
                           queue->limit);
    queue->reserved += places;
    return STATUS_OK;
}

static void give_back(struct queue_request *request, size_t places)
{
    request->places -= places;
    request->queue->reserved -= places;
}

/* Asks the client without the lock: it may take a system call. */
static bool client_gone(struct queue *queue, const struct patience *client)
{
    if (!client->gone)
        return false;
    pthread_mutex_unlock(&queue->lock);
    bool gone = client->gone(client->client);
    pthread_mutex_lock(&queue->lock);
    return gone;
}

static enum status wait_for_answers(struct queue *queue, struct queue_request *request,
                                    const struct patience *client, struct failure *failure)
{
    while (!request_over(request)) {
        bool gone = client_gone(queue, client);
        uint64_t now_ns = clock_now_ns(), until_ns = client->gone ? now_ns + client_check_ns : UINT64_MAX;
        if (request_over(request))
            break;
        if (gone)
            return failure_set(failure, STATUS_CLIENT_GONE, "The client has closed its connection.");
        if (client->deadline_ns && now_ns >= client->deadline_ns)
            return failure_set(failure, STATUS_TIMEOUT,
                               "The request's deadline passed before it was answered.");
        if (client->deadline_ns && client->deadline_ns < until_ns)
            until_ns = client->deadline_ns;
        clock_wait(&request->answered, &queue->lock, until_ns);
    }
    if (request->failure.status && failure)
        *failure = request->failure;
    return request->failure.status;
}

void queue_abandon(struct queue_request *request)
{
    struct queue *queue = request->queue;
    pthread_mutex_lock(&queue->lock);
    give_back(request, request->places - request->added);
    withdraw(queue, request);
    request->abandoned = request->running > 0;
    const bool abandoned = request->abandoned;
    pthread_mutex_unlock(&queue->lock);
    if (!abandoned)
        request_destroy(request);
}

enum status queue_reserve(struct queue *queue, size_t places, struct failure *failure,
                          struct queue_request **out)
{
    assert(places > 0);
    pthread_mutex_lock(&queue->lock);
    enum status status = reserve(queue, places, failure);
    pthread_mutex_unlock(&queue->lock);
    if (status)
        return status;
    struct queue_request *request = memory_allocate(1, sizeof *request);
    request->queue = queue;
    request->jobs = memory_allocate(places, sizeof *request->jobs);
    request->places = places;
    clock_condition_init(&request->answered);
    *out = request;
    return STATUS_OK;
}

enum status queue_add(struct queue_request *request, const struct batcher_image *images, size_t count,
                      struct failure *failure)
{
    struct queue *queue = request->queue;
    pthread_mutex_lock(&queue->lock);
    assert(request->added + count <= request->places);
    if (!request->failure.status)
        request->failure = queue->closed;
    const enum status status = request->failure.status;
    if (status && failure)
        *failure = request->failure;
    if (!status && request->taken == request->added)
        append(queue, request);
    for (size_t i = 0; i < count && !status; i++)
        request->jobs[request->added++] =
            (struct job){.image = images[i], .request = request, .queued_ns = clock_now_ns()};
    if (!status) {
        queue->depth += count;
        queue->reserved -= count;
        pthread_cond_broadcast(&queue->arrived);
    }
    pthread_mutex_unlock(&queue->lock);
    for (size_t i = 0; i < count && status; i++)
        free(images[i].pixels);
    return status;
}

void queue_give_back(struct queue_request *request, size_t places)
{
    pthread_mutex_lock(&request->queue->lock);
    assert(request->added + places <= request->places);
    give_back(request, places);
    pthread_mutex_unlock(&request->queue->lock);
}

enum status queue_wait(struct queue_request *request, const struct patience *client, struct failure *failure,
                       struct answer *out)
{
    pthread_mutex_lock(&request->queue->lock);
    const enum status status = wait_for_answers(request->queue, request, client, failure);
    pthread_mutex_unlock(&request->queue->lock);
    for (size_t i = 0; !status && i < request->added; i++) {
        out[i] = request->jobs[i].answer;
        request->jobs[i].answer = (struct answer){0};
    }
    queue_abandon(request);
    return status;
}

enum status queue_run(struct queue *queue, const struct batcher_image *images, size_t count,
                      const struct patience *client, struct failure *failure, struct answer *out)
{
    struct queue_request *request;
    enum status status = queue_reserve(queue, count, failure, &request);
    for (size_t i = 0; i < count && status; i++)
        free(images[i].pixels);
    if (status)
        return status;
    status = queue_add(request, images, count, failure);
    if (!status)
        return queue_wait(request, client, failure, out);
    queue_abandon(request);
    return status;
}

static uint32_t take(struct queue *queue, size_t count, struct job **jobs)
{
    for (size_t i = 0; i < count; i++) {
        struct queue_request *request = queue->first;
        queue->first = request->next;
        if (!queue->first)
            queue->last = &queue->first;
        jobs[i] = &request->jobs[request->taken++];
        request->running++;
        if (request->taken < request->added)
            append(queue, request);
    }
    queue->depth -= count;
    return (uint32_t)count;
}

uint32_t queue_take(struct queue *queue, uint32_t max, uint32_t delay_us, struct job **jobs)
{
    pthread_mutex_lock(&queue->lock);
    queue->idle++;
    while (!queue->ended && queue->depth < max) {
        uint64_t due_ns = UINT64_MAX;
        if (queue->first) {
            due_ns = queue->first->jobs[queue->first->taken].queued_ns + (uint64_t)delay_us * 1000;
            if (clock_now_ns() >= due_ns)
                break;
        }
        clock_wait(&queue->arrived, &queue->lock, due_ns);
    }
    size_t share = (queue->depth + queue->idle - 1) / queue->idle;
    uint32_t count = queue->ended ? 0 : take(queue, share < max ? share : max, jobs);
    queue->idle--;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

uint32_t queue_take_full(struct queue *queue, uint32_t max, struct job **jobs)
{
    pthread_mutex_lock(&queue->lock);
    uint32_t count = queue->depth >= max ? take(queue, max, jobs) : 0;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

void queue_return(struct queue *queue, struct job *const *jobs, uint32_t count, const struct failure *failure)
{
    pthread_mutex_lock(&queue->lock);
    for (uint32_t i = 0; i < count; i++) {
        struct queue_request *request = jobs[i]->request;
        request->running--;
        if (failure->status)
            fail(queue, request, failure);
        if (!request_over(request))
            continue;
        if (request->abandoned)
            request_destroy(request);
        else
            pthread_cond_signal(&request->answered);
    }
    pthread_mutex_unlock(&queue->lock);
}

/* Answers all that wait, and what comes from now on. */
static void close_queue(struct queue *queue, const struct failure *failure)
{
    if (!queue->ended)
        queue->closed = *failure;
    while (queue->first)
        fail(queue, queue->first, failure);
}

void queue_join(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->workers++;
    if (!queue->ended)
        queue->closed = (struct failure){0};
    pthread_mutex_unlock(&queue->lock);
}

void queue_leave(struct queue *queue, const struct failure *failure)
{
    pthread_mutex_lock(&queue->lock);
    assert(queue->workers > 0);
    if (!--queue->workers)
        close_queue(queue, failure);
    pthread_mutex_unlock(&queue->lock);
}

bool queue_sleep(struct queue *queue, uint32_t milliseconds)
{
    uint64_t until_ns = clock_now_ns() + (uint64_t)milliseconds * 1000000;
    pthread_mutex_lock(&queue->lock);
    while (!queue->ended && clock_now_ns() < until_ns)
        clock_wait(&queue->arrived, &queue->lock, until_ns);
    bool ended = queue->ended;
    pthread_mutex_unlock(&queue->lock);
    return !ended;
}

void queue_end(struct queue *queue)
{
    struct failure failure;
    failure_set(&failure, STATUS_UNAVAILABLE, "The service is shutting down; try again.");
    pthread_mutex_lock(&queue->lock);
    close_queue(queue, &failure);
    queue->ended = true;
    pthread_cond_broadcast(&queue->arrived);
    pthread_mutex_unlock(&queue->lock);
}

size_t queue_depth(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t depth = queue->depth;
    pthread_mutex_unlock(&queue->lock);
    return depth;
}
