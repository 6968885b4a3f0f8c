/* A model that computes nothing, a batcher over it, and how tests ask it: shared by the tests of batcher and
 * lane. */
#ifndef CXRD_TESTS_UNIT_MODEL_FAKE_MODEL_H
#define CXRD_TESTS_UNIT_MODEL_FAKE_MODEL_H

#include "engine/model/batcher.h"

#include <stdatomic.h>

enum { MAX_BATCH = 4 };

/* Its logit is the image's first byte, and so are its class token and its patch token; its map the second,
 * and so is its mean. Batches are done one after the other, each after delay_ms. */
struct fake {
    _Atomic int delay_ms, batches, largest, most_in_flight;
    _Atomic enum status status, patch_status; /* of the next batches; of reading patch tokens */
    _Atomic int patch_reads;
    uint32_t in_flight_max;
    struct {
        uint64_t done_ns;
        float logits[MAX_BATCH], maps[MAX_BATCH];
    } flights[MODEL_IN_FLIGHT_MAX];
    uint64_t submitted, landed, progress;
    atomic_bool working; /* shows progress while a batch runs */
};
extern struct fake fake, second;

/* The batcher of the test, over `fake`, or over both. A worker without progress is stuck after 600 ms. */
extern struct batcher *batcher;
void start(uint32_t max_queue, uint32_t delay_us);
void start_devices(size_t count, uint32_t max_queue, uint32_t delay_us);

/* Restoring a lost device fails as often as the test says. */
extern _Atomic int restores, restores_failing;

extern const struct patience patient;
struct batcher_image image_of(uint8_t value);
enum status run_one(uint8_t value, uint64_t deadline_ns, struct failure *failure, struct answer *answer);
/* For pthread_create: predicts an image of that value; returns it, NULL when the answer is wrong. */
void *run_in_thread(void *value);

#endif
