#include "engine/model/batcher.h"

#include "engine/model/lane.h"

#include <assert.h>
#include <stdlib.h>

struct batcher {
    struct queue *queue;
    struct lane **lanes;
    size_t lane_count;
};

enum status batcher_create(struct model *const *models, size_t count, const struct model_card *card,
                           const struct batcher_options *options, struct failure *failure,
                           struct batcher **out)
{
    assert(count > 0 && options->max_queue > 0);
    struct batcher *batcher = memory_allocate(1, sizeof *batcher);
    enum status status = STATUS_OK;
    batcher->queue = queue_create(options->max_queue);
    batcher->lanes = memory_allocate(count, sizeof(struct lane *));
    for (size_t i = 0; i < count && !status; i++) {
        const struct lane_options lane = {.card = card,
                                          .max_queue_delay_us = options->max_queue_delay_us,
                                          .restore = options->restore,
                                          .context = options->context,
                                          .device = i,
                                          .restore_pause_ms = options->restore_pause_ms,
                                          .stuck_after_ms = options->stuck_after_ms};
        status = lane_create(batcher->queue, models[i], &lane, failure, &batcher->lanes[i]);
        batcher->lane_count += !status;
    }
    if (status)
        batcher_destroy(&batcher);
    else
        *out = batcher;
    return status;
}

void batcher_destroy(struct batcher **handle)
{
    struct batcher *batcher = handle ? *handle : NULL;
    if (!batcher)
        return;
    queue_end(batcher->queue);
    for (size_t i = 0; i < batcher->lane_count; i++)
        lane_destroy(&batcher->lanes[i]);
    queue_destroy(&batcher->queue);
    free(batcher->lanes);
    free(batcher);
    *handle = NULL;
}

struct queue *batcher_queue(struct batcher *batcher)
{
    return batcher->queue;
}

enum health batcher_health(const struct batcher *batcher)
{
    enum health best = HEALTH_DEAD;
    for (size_t i = 0; i < batcher->lane_count; i++) {
        enum health health = lane_health(batcher->lanes[i]);
        if (health == HEALTH_STUCK)
            return HEALTH_STUCK; /* whoever waits for it waits in vain, however the others are */
        best = health < best ? health : best;
    }
    return best;
}

void batcher_count(const struct batcher *batcher, struct lane_counts *out)
{
    *out = (struct lane_counts){0};
    for (size_t i = 0; i < batcher->lane_count; i++)
        lane_count(batcher->lanes[i], out);
}
