/* The batcher: images of many requests in, batches for one or several devices, answers back to each request.
 *
 * Devices share one queue (queue.h); each has a worker thread of its own (lane.h).
 */
#ifndef CXRD_ENGINE_MODEL_BATCHER_H
#define CXRD_ENGINE_MODEL_BATCHER_H

#include "engine/model/lane.h"
#include "engine/model/model.h"
#include "engine/model/queue.h"

struct batcher_options {
    uint32_t max_queue;          /* images that may wait or be in preparation */
    uint32_t max_queue_delay_us; /* how long a batch that is not full waits for more */
    /* Makes lost devices ready again; see struct lane_options. */
    enum status (*restore)(void *context, size_t device, struct failure *failure, struct model **model);
    void *context;
    uint32_t restore_pause_ms;
    uint32_t stuck_after_ms; /* a worker with work and without progress is stuck; 0: never */
};

struct batcher;
/* Starts a worker for each of `count` models of one package, which have run once. The batcher uses them alone
 * until it is destroyed; it does not own them. */
WARN_UNUSED enum status batcher_create(struct model *const *models, size_t count,
                                       const struct model_card *card, const struct batcher_options *options,
                                       struct failure *failure, struct batcher **out);
/* Waits for the batches in flight; what still waits gets UNAVAILABLE. */
void batcher_destroy(struct batcher **batcher);

/* Where requests bring their images and wait for the answers. */
struct queue *batcher_queue(struct batcher *batcher);
/* STUCK when one worker is; else WELL when one is, DEAD when all are. */
enum health batcher_health(const struct batcher *batcher);
/* What all workers did since the batcher was created. */
void batcher_count(const struct batcher *batcher, struct lane_counts *out);

#endif
