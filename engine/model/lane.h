/* A lane: one device's worker thread, which takes images off the queue, runs batches and brings answers back.
 *
 * It takes what waits, up to the batch size, as soon as the device is free; with a delay it waits that long
 * for a batch to fill. Where the device takes several batches at once, a full one goes behind the running
 * one; what is less waits for the device, since it may still grow. Nothing goes behind a batch of which patch
 * tokens are wanted before they are read.
 */
#ifndef CXRD_ENGINE_MODEL_LANE_H
#define CXRD_ENGINE_MODEL_LANE_H

#include "engine/model/health.h"
#include "engine/model/model.h"
#include "engine/model/queue.h"

enum { LANE_RESTORES_MAX = 5, LANE_BATCH_MAX = 64 };

struct lane_options {
    const struct model_card *card;
    uint32_t max_queue_delay_us;
    /* Makes a lost device ready again and replaces the model, whose device it was. Called on the worker's
     * thread, LANE_RESTORES_MAX times at most, with a pause between that doubles. */
    enum status (*restore)(void *context, size_t device, struct failure *failure, struct model **model);
    void *context;
    size_t device;
    uint32_t restore_pause_ms;
    uint32_t stuck_after_ms; /* without progress while a batch is in flight; 0: never */
};

struct lane;
/* Starts the worker, which joins the queue. It uses the model, which has run once, alone until it is
 * destroyed; all are borrowed. A worker whose device is lost leaves the queue until it is restored. */
WARN_UNUSED enum status lane_create(struct queue *queue, struct model *model,
                                    const struct lane_options *options, struct failure *failure,
                                    struct lane **out);
/* The queue must have ended. Waits for the batches in flight. */
void lane_destroy(struct lane **lane);

enum health lane_health(const struct lane *lane); /* thread-safe */

struct lane_counts {
    uint64_t batch_sizes[LANE_BATCH_MAX]; /* [n - 1]: batches of n images that went to the device */
    uint64_t losses;                      /* of the device */
};
/* Adds what this lane did since it was created. Thread-safe. */
void lane_count(const struct lane *lane, struct lane_counts *sum);

#endif
