/* A lane: one device's worker thread, which takes images off the queue, runs batches and brings answers back.
 *
 * It takes what waits, up to the batch size, as soon as the device is free; with a delay it waits that long
 * for a batch to fill. Where the device takes several batches at once, a full one goes behind the running
 * one; what is less waits for the device, since it may still grow.
 */
#ifndef CXRD_ENGINE_MODEL_LANE_H
#define CXRD_ENGINE_MODEL_LANE_H

#include "engine/model/model.h"
#include "engine/model/queue.h"

enum lane_state {
    LANE_WELL,
    LANE_DEAD, /* its device is lost */
};

struct lane;
/* Starts the worker, which joins the queue. It uses the model, which has run once, alone until it is
 * destroyed; all are borrowed. */
WARN_UNUSED enum status lane_create(struct queue *queue, struct model *model, const struct model_card *card,
                                    uint32_t max_queue_delay_us, struct failure *failure, struct lane **out);
/* The queue must have ended. Waits for the batches in flight. */
void lane_destroy(struct lane **lane);

enum lane_state lane_state(const struct lane *lane); /* thread-safe */

#endif
