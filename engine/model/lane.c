#include "engine/model/lane.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* How soon a batch that has filled while another runs is noticed. */
static const uint64_t filling_check_ns = 1000000;

/* How often a worker that waits looks for progress. */
static const uint64_t beat_ns = 250000000;

/* A batch on the device. */
struct flight {
    struct job **jobs; /* [max_batch] */
    uint32_t count;
    uint64_t start_ns;
    bool patches;           /* some image's patch tokens are wanted */
    struct failure failure; /* of its submission */
};

struct lane {
    struct queue *queue;
    struct model *model;
    struct lane_options options;
    pthread_t worker;
    struct flight flights[MODEL_IN_FLIGHT_MAX]; /* used in turn, as the model's */
    uint64_t launched, landed;                  /* batches so far */
    uint64_t landed_ns;                         /* when the device was done with the last */
    uint64_t progress;                          /* the model's, when last seen */
    _Atomic enum health health;
    _Atomic uint64_t beat; /* when progress was last made; 0: nothing is in flight */
    _Atomic uint64_t batch_sizes[LANE_BATCH_MAX], losses; /* as in struct lane_counts */
};

static float *copy_floats(const float *values, size_t count)
{
    float *copy = memory_allocate(count, sizeof *copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

static void collect_answer(const struct lane *lane, uint32_t image, struct answer *answer)
{
    const struct model_card *card = lane->options.card;
    size_t width = model_shape(lane->model)->width;
    answer->class_token = memory_allocate(width, sizeof *answer->class_token);
    answer->mean = memory_allocate(width, sizeof *answer->mean);
    model_embedding(lane->model, image, answer->class_token, answer->mean);
    answer->head_count = card->head_count;
    answer->logits = memory_allocate(card->head_count, sizeof *answer->logits);
    answer->attention = memory_allocate(card->head_count, sizeof *answer->attention);
    for (size_t i = 0; i < card->head_count; i++) {
        size_t outputs = head_outputs(&card->heads[i]);
        const float *attention = model_attention(lane->model, i, image);
        answer->logits[i] = copy_floats(model_logits(lane->model, i, image), outputs);
        if (attention)
            answer->attention[i] = copy_floats(attention, outputs * model_shape(lane->model)->patches);
    }
}

/* Brings the patch tokens that are wanted off the device, whose next pass overwrites them. */
static enum status collect_patches(const struct lane *lane, const struct flight *flight,
                                   struct failure *failure)
{
    bool wanted[LANE_BATCH_MAX] = {false};
    struct rows patches[LANE_BATCH_MAX] = {0};
    for (uint32_t i = 0; i < flight->count; i++)
        wanted[i] = flight->jobs[i]->image.patches;
    enum status status = model_patches(lane->model, wanted, failure, patches);
    for (uint32_t i = 0; i < flight->count && !status; i++)
        flight->jobs[i]->answer.patches = patches[i];
    return status;
}

static struct flight *flight_of(struct lane *lane, uint64_t batch)
{
    return &lane->flights[batch % MODEL_IN_FLIGHT_MAX];
}

/* Submits the jobs just taken into the next flight. */
static void launch(struct lane *lane, uint32_t count)
{
    struct flight *flight = flight_of(lane, lane->launched++);
    struct model_image *images = memory_allocate(count, sizeof *images);
    flight->patches = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct batcher_image *image = &flight->jobs[i]->image;
        images[i] = (struct model_image){image->pixels, image->minimum, image->maximum};
        flight->patches = flight->patches || image->patches;
    }
    flight->count = count;
    atomic_fetch_add(&lane->batch_sizes[count - 1], 1);
    flight->start_ns = clock_now_ns();
    atomic_store(&lane->beat, flight->start_ns);
    flight->failure = (struct failure){0};
    (void)!model_submit(lane->model, images, count, &flight->failure); /* told when it lands */
    free(images);
}

static void note_progress(struct lane *lane)
{
    uint64_t progress = model_progress(lane->model);
    if (progress != lane->progress)
        atomic_store(&lane->beat, clock_now_ns());
    lane->progress = progress;
}

/* Waits for the oldest flight and returns its jobs; comes back earlier when `timeout_ns` are over. */
static void land(struct lane *lane, uint64_t timeout_ns)
{
    struct flight *flight = flight_of(lane, lane->landed);
    struct failure failure = flight->failure;
    enum status status = failure.status;
    if (!status)
        status = model_wait(lane->model, timeout_ns, &failure);
    if (status == STATUS_TIMEOUT) {
        note_progress(lane);
        return;
    }
    if (!status && flight->patches)
        status = collect_patches(lane, flight, &failure);
    lane->landed++;
    atomic_store(&lane->beat, lane->launched > lane->landed ? clock_now_ns() : 0);
    if (lane->landed_ns > flight->start_ns)
        flight->start_ns = lane->landed_ns; /* until then the device was busy with the one before */
    lane->landed_ns = clock_now_ns();
    if (status)
        log_message(LOG_ERROR, "a batch of %u failed: %s", flight->count, failure.sentence);
    for (uint32_t i = 0; i < flight->count && !status; i++) {
        struct job *job = flight->jobs[i];
        collect_answer(lane, i, &job->answer);
        job->answer.queue_ms = (double)(flight->start_ns - job->queued_ns) * 1e-6;
        job->answer.inference_ms = (double)(lane->landed_ns - flight->start_ns) * 1e-6;
        job->answer.device = lane->options.device;
    }
    /* After any failure it is not known what the device still does, so all is made again. */
    if (status && atomic_load(&lane->health) == HEALTH_WELL) {
        struct failure lost;
        failure_set(&lost, STATUS_DEVICE_LOST,
                    "The device was lost and is being made ready again; try again in a few seconds.");
        atomic_store(&lane->health, HEALTH_RESTORING);
        atomic_fetch_add(&lane->losses, 1);
        queue_leave(lane->queue, &lost);
    }
    queue_return(lane->queue, flight->jobs, flight->count, &failure);
}

/* Takes the next batch, if there is one to take now; waits for work when nothing is in flight. */
static uint32_t next_batch(struct lane *lane, uint64_t in_flight)
{
    struct job **jobs = flight_of(lane, lane->launched)->jobs;
    uint32_t max_batch = model_max_batch(lane->model);
    if (atomic_load(&lane->health) != HEALTH_WELL)
        return 0;
    if (!in_flight)
        return queue_take(lane->queue, max_batch, lane->options.max_queue_delay_us, jobs);
    if (flight_of(lane, lane->launched - 1)->patches)
        return 0; /* another pass would overwrite them before they are read */
    return in_flight < model_in_flight_max(lane->model) ? queue_take_full(lane->queue, max_batch, jobs) : 0;
}

/* Makes the lost device ready again; false when that cannot be, or the queue has ended. */
static bool restore(struct lane *lane)
{
    const struct lane_options *options = &lane->options;
    for (int attempt = 0; attempt < LANE_RESTORES_MAX; attempt++) {
        struct failure failure = {0};
        if (!queue_sleep(lane->queue, attempt ? options->restore_pause_ms << (attempt - 1) : 0))
            return false;
        if (!options->restore(options->context, options->device, &failure, &lane->model)) {
            log_message(LOG_WARNING, "device number %zu was lost and is ready again", options->device);
            queue_join(lane->queue);
            atomic_store(&lane->health, HEALTH_WELL);
            return true;
        }
        log_message(LOG_ERROR, "the lost device number %zu is not ready, attempt %d of %d: %s",
                    options->device, attempt + 1, LANE_RESTORES_MAX, failure.sentence);
    }
    atomic_store(&lane->health, HEALTH_DEAD);
    return false;
}

static void *work(void *context)
{
    struct lane *lane = context;
    for (;;) {
        uint64_t in_flight = lane->launched - lane->landed;
        uint32_t count = next_batch(lane, in_flight);
        if (count)
            launch(lane, count);
        else if (in_flight)
            land(lane, in_flight < model_in_flight_max(lane->model) ? filling_check_ns : beat_ns);
        else if (atomic_load(&lane->health) == HEALTH_WELL || !restore(lane))
            return NULL;
    }
}

static void lane_free(struct lane *lane)
{
    for (int i = 0; i < MODEL_IN_FLIGHT_MAX; i++)
        free(lane->flights[i].jobs);
    free(lane);
}

enum status lane_create(struct queue *queue, struct model *model, const struct lane_options *options,
                        struct failure *failure, struct lane **out)
{
    assert(model_max_batch(model) <= LANE_BATCH_MAX);
    struct lane *lane = memory_allocate(1, sizeof *lane);
    *lane = (struct lane){.queue = queue, .model = model, .options = *options};
    for (int i = 0; i < MODEL_IN_FLIGHT_MAX; i++)
        lane->flights[i].jobs = memory_allocate(model_max_batch(model), sizeof(struct job *));
    queue_join(queue);
    if (pthread_create(&lane->worker, NULL, work, lane)) {
        lane_free(lane);
        return failure_set(failure, STATUS_OUT_OF_MEMORY, "A device's worker thread could not be started.");
    }
    *out = lane;
    return STATUS_OK;
}

void lane_destroy(struct lane **handle)
{
    struct lane *lane = handle ? *handle : NULL;
    if (!lane)
        return;
    pthread_join(lane->worker, NULL);
    lane_free(lane);
    *handle = NULL;
}

enum health lane_health(const struct lane *lane)
{
    uint64_t beat = atomic_load(&lane->beat);
    if (beat && lane->options.stuck_after_ms && clock_elapsed_ms(beat) > lane->options.stuck_after_ms)
        return HEALTH_STUCK;
    return atomic_load(&lane->health);
}

void lane_count(const struct lane *lane, struct lane_counts *sum)
{
    for (size_t i = 0; i < LANE_BATCH_MAX; i++)
        sum->batch_sizes[i] += atomic_load(&lane->batch_sizes[i]);
    sum->losses += atomic_load(&lane->losses);
}
