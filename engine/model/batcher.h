/* The batcher: images of many requests in, batches for one device, answers back to each request.
 *
 * One worker thread owns the model. It takes what waits, up to the batch size, as soon as the device is free;
 * with a delay it waits that long for a batch to fill. The queue is bounded.
 */
#ifndef CXRD_ENGINE_MODEL_BATCHER_H
#define CXRD_ENGINE_MODEL_BATCHER_H

#include "engine/model/model.h"

enum { BATCHER_BATCH_MAX = 64 };

struct batcher_options {
    uint32_t max_batch;          /* at most the model's */
    uint32_t max_queue;          /* images that may wait */
    uint32_t max_queue_delay_us; /* how long a batch that is not full waits for more */
};

/* An image handed to the batcher, which owns its pixels from then on. */
struct batcher_image {
    uint8_t *pixels; /* RGB [side][side][3], from malloc */
    uint8_t minimum[3], maximum[3];
};

/* One image's answer, owned by whoever asked. */
struct answer {
    size_t head_count;
    float **logits;    /* [head][labels] */
    float **attention; /* [head][labels][patches]; NULL for linear heads */
    double queue_ms, inference_ms;
};
void answer_finish(struct answer *answer);

struct batcher;
/* Starts the worker. The batcher uses the model alone until it is destroyed; it does not own it. */
WARN_UNUSED enum status batcher_create(struct model *model, const struct model_card *card,
                                       const struct batcher_options *options, struct failure *failure,
                                       struct batcher **out);
/* Waits for the batch in flight; what still waits gets UNAVAILABLE. */
void batcher_destroy(struct batcher **batcher);

/* Queues `count` images, waits for their answers and fills out[0..count). Either all are answered or none:
 * UNAVAILABLE (no room in the queue, or shutting down), TIMEOUT (deadline_ns on clock_now_ns passed, 0:
 * none), DEVICE_LOST. Takes the pixels in every case. Any number of threads may call it. */
WARN_UNUSED enum status batcher_run(struct batcher *batcher, const struct batcher_image *images, size_t count,
                                    uint64_t deadline_ns, struct failure *failure, struct answer *out);

size_t batcher_depth(struct batcher *batcher); /* images waiting */
bool batcher_usable(struct batcher *batcher);  /* false once the device is lost */
/* [n - 1]: batches of n images taken so far. */
void batcher_count_sizes(struct batcher *batcher, uint64_t out[BATCHER_BATCH_MAX]);

#endif
