/* Trials of a set of kernels on the device at hand: is it right, and how long does a block of the network
 * take?
 *
 * Only GEMM and attention are tried: they are what differs from rung to rung, and what a driver's compiler
 * gets wrong when it gets matrices wrong. The whole pass has the engine's self-test.
 */
#ifndef CXRD_ENGINE_KERNELS_TRIAL_H
#define CXRD_ENGINE_KERNELS_TRIAL_H

#include "engine/kernels/kernels.h"

/* A GPU whose driver resets it when it hangs has done so by then. */
enum { TRIAL_WAIT_S = 20 };

/* Both fail with DEVICE_LOST too, and with TIMEOUT when the device has not answered for TRIAL_WAIT_S: it may
 * still be at it, so neither the kernels nor the device may be destroyed, and what the trial used stays. */

/* Every epilogue of GEMM and attention on small awkward shapes against the plain C reference. DEVICE, with a
 * sentence that names the operation, when a result is off; else what the device says. */
WARN_UNUSED enum status trial_check(const struct kernels *kernels, struct failure *failure);

/* The sizes that a transformer block's operations follow from. */
struct trial_shape {
    uint32_t width, heads; /* D, D / 64 */
    uint32_t ffn_columns;  /* of the first product of the feed-forward: 2 * H for SwiGLU */
    bool gated;            /* SwiGLU; else GELU */
    uint32_t tokens, batch;
};

/* The best of three runs of one block's GEMMs and attention after warming up. */
WARN_UNUSED enum status trial_time(const struct kernels *kernels, const struct trial_shape *shape,
                                   struct failure *failure, double *milliseconds);

#endif
