/* Images of many requests that wait for a device: bounded, fair, each request with its deadline.
 *
 * A request reserves a place for each of its images before the first is decoded, so that it is refused before
 * it costs work, and each image may be computed while the next one is decoded. Requests take turns: workers
 * take one image of each before a second of any, so that a request of 64 images does not keep a small one
 * waiting for all of them; and the last quarter of the queue is kept for requests of one image, so that such
 * a one finds room beside many large ones. Either all images of a request are answered or none. All functions
 * may be called from any thread; those of one request, from one at a time.
 */
#ifndef CXRD_ENGINE_MODEL_QUEUE_H
#define CXRD_ENGINE_MODEL_QUEUE_H

#include "engine/base/memory.h"
#include "engine/base/patience.h"
#include "engine/base/status.h"
#include "engine/model/rows.h"

/* An image handed to the queue, which owns its pixels from then on. */
struct batcher_image {
    uint8_t *pixels; /* RGB [height][width][3], from malloc */
    uint8_t minimum[3], maximum[3];
    bool patches; /* its patch tokens are wanted too */
};

/* One image's answer, owned by whoever asked. */
struct answer {
    size_t head_count;
    float **logits;            /* [head][head_outputs] */
    float **attention;         /* [head][labels][patches]; NULL for linear heads */
    float *class_token, *mean; /* [width] */
    struct rows patches;       /* [patches][width]; no data: they were not wanted */
    double queue_ms, inference_ms;
    size_t device; /* which one computed it, as in struct lane_options */
};
void answer_finish(struct answer *answer);

/* One image on its way. Whoever took it may read the image and fills the answer. */
struct job {
    struct batcher_image image;
    struct answer answer;
    struct queue_request *request; /* the queue's own */
    uint64_t queued_ns;
};

struct queue;
struct queue *queue_create(size_t limit); /* images that wait or have a place reserved */
/* Nobody may be in a function of its requests any more, and no job taken. */
void queue_destroy(struct queue **queue);

struct queue_request;
/* Reserves so many places. UNAVAILABLE or DEVICE_LOST: no worker takes images; QUEUE_FULL: no room;
 * TOO_LARGE: there never is for so many. A request ends with queue_wait or queue_abandon. */
WARN_UNUSED enum status queue_reserve(struct queue *queue, size_t places, struct failure *failure,
                                      struct queue_request **out);
/* Queues images in the next of the request's places. Fails as the request has failed meanwhile: no image of
 * it is needed then. Takes the pixels in every case. */
WARN_UNUSED enum status queue_add(struct queue_request *request, const struct batcher_image *images,
                                  size_t count, struct failure *failure);
/* So many of its places will have no image. */
void queue_give_back(struct queue_request *request, size_t places);
/* Waits for the answers of the images added and fills out[0..added). TIMEOUT: the deadline fired, also while
 * a batch runs; CLIENT_GONE; else what the last worker left or the jobs were returned with. Images still
 * waiting then are withdrawn. */
WARN_UNUSED enum status queue_wait(struct queue_request *request, const struct patience *client,
                                   struct failure *failure, struct answer *out);
/* Withdraws what still waits; what runs is computed for nobody. */
void queue_abandon(struct queue_request *request);
/* All of these for `count` images that are there. */
WARN_UNUSED enum status queue_run(struct queue *queue, const struct batcher_image *images, size_t count,
                                  const struct patience *client, struct failure *failure, struct answer *out);

/* Waits for work, and `delay_us` from the arrival of the next request for a full batch, then takes up to
 * `max` jobs, leaving their share to other workers that wait. Returns how many; 0: the queue has ended. */
uint32_t queue_take(struct queue *queue, uint32_t max, uint32_t delay_us, struct job **jobs);
/* Takes `max` jobs if so many wait, else none; returns how many. */
uint32_t queue_take_full(struct queue *queue, uint32_t max, struct job **jobs);
/* Hands taken jobs back, answered, or with a failure that becomes their requests'. */
void queue_return(struct queue *queue, struct job *const *jobs, uint32_t count,
                  const struct failure *failure);

/* A worker takes part from now on. */
void queue_join(struct queue *queue);
/* A worker that had joined takes no more work. Where it was the last, all that wait are answered with the
 * failure, and what comes too until one joins again. */
void queue_leave(struct queue *queue, const struct failure *failure);
/* Sleeps for that long; false at once when the queue has ended. */
bool queue_sleep(struct queue *queue, uint32_t milliseconds);
/* Closes for good: workers get no more work, and who waits gets UNAVAILABLE. */
void queue_end(struct queue *queue);

size_t queue_depth(struct queue *queue); /* images waiting */

#endif
