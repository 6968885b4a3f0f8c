/* The batcher: images of many requests in, batches for one device, answers back to each request.
 *
 * One worker thread owns the model. It takes what waits, up to the batch size, as soon as the device is free;
 * with a delay it waits that long for a batch to fill. Where the device takes several batches at once, a full
 * one goes behind the running one; what is less waits for the device, since it may still grow.
 */
#ifndef CXRD_ENGINE_MODEL_BATCHER_H
#define CXRD_ENGINE_MODEL_BATCHER_H

#include "engine/model/model.h"
#include "engine/model/queue.h"

enum { BATCHER_BATCH_MAX = 64 };

struct batcher_options {
    uint32_t max_queue;          /* images that may wait */
    uint32_t max_queue_delay_us; /* how long a batch that is not full waits for more */
};

struct batcher;
/* Starts the worker. The batcher uses the model alone until it is destroyed; it does not own it. */
WARN_UNUSED enum status batcher_create(struct model *model, const struct model_card *card,
                                       const struct batcher_options *options, struct failure *failure,
                                       struct batcher **out);
/* Waits for the batches in flight; what still waits gets UNAVAILABLE. */
void batcher_destroy(struct batcher **batcher);

/* Queues `count` images, waits for their answers and fills out[0..count). Either all are answered or none:
 * UNAVAILABLE (no room in the queue, or shutting down), TIMEOUT, CLIENT_GONE, DEVICE_LOST. Takes the pixels
 * in every case. Any number of threads may call it. */
WARN_UNUSED enum status batcher_run(struct batcher *batcher, const struct batcher_image *images, size_t count,
                                    const struct batcher_client *client, struct failure *failure,
                                    struct answer *out);

size_t batcher_depth(struct batcher *batcher); /* images waiting */
bool batcher_usable(struct batcher *batcher);  /* false once the device is lost */
/* [n - 1]: batches of n images taken so far. */
void batcher_count_sizes(struct batcher *batcher, uint64_t out[BATCHER_BATCH_MAX]);

#endif
