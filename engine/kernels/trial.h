/* Trials of a set of kernels on the device at hand: is it right, do its tiles agree, and how long do they
 * take?
 *
 * Only GEMM and attention are tried: they are what differs from rung to rung, and what a driver's compiler
 * gets wrong when it gets matrices wrong. The whole pass has the engine's self-test.
 */
#ifndef CXRD_ENGINE_KERNELS_TRIAL_H
#define CXRD_ENGINE_KERNELS_TRIAL_H

#include "engine/kernels/kernels.h"
#include "engine/kernels/tile.h"

/* All fail with DEVICE_LOST too, and with TIMEOUT when the device has not answered for as long as its waits
 * are limited to (kernels_choose does that): it may still be at it, so neither the kernels nor the device may
 * be destroyed, and what the trial used stays. */

/* Every epilogue of GEMM and attention, with the tiles that are taken where nothing was chosen, on small
 * awkward shapes against the plain C reference. DEVICE, with a sentence that names the operation, when a
 * result is off; else what the device says. */
WARN_UNUSED enum status trial_check(const struct kernels *kernels, struct failure *failure);

/* A kind with another tile, which is made, on a shape with whole tiles and with cut ones, against the default
 * tile's result: DEVICE, when any bit is another. */
WARN_UNUSED enum status trial_agrees(const struct kernels *kernels, uint32_t kind, uint32_t tile,
                                     struct failure *failure);

/* The sizes that a transformer block's operations follow from. */
struct trial_shape {
    uint32_t width, heads; /* D, D / 64 */
    uint32_t ffn_columns;  /* of the first product of the feed-forward: 2 * H for SwiGLU */
    bool gated;            /* SwiGLU; else GELU */
    uint32_t tokens, batch;
    uint32_t patches, pixels; /* rows and depth of the patch embedding */
};

/* Times tiles on numbers, not zeros, which some GPUs multiply faster. */
struct trial_timer;
/* Takes memory for the largest of the shapes. The kernels live longer. */
WARN_UNUSED enum status trial_timer_create(const struct kernels *kernels, const struct tiled_shape *shapes,
                                           size_t count, struct failure *failure, struct trial_timer **out);
/* Not after TIMEOUT. */
void trial_timer_destroy(struct trial_timer **timer);
/* The best of a few runs of one of these shapes with a tile that is made; of the first alone where that takes
 * longer than enough_ms. */
WARN_UNUSED enum status trial_time(struct trial_timer *timer, const struct tiled_shape *shape, uint32_t tile,
                                   double enough_ms, struct failure *failure, double *milliseconds);

#endif
