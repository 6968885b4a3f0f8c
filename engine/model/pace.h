/* How a pass is cut into submissions, so that none keeps a slow device too long: some drivers reset a device
 * that has not answered for 2 s, and what else uses it wants its turn. */
#ifndef CXRD_ENGINE_MODEL_PACE_H
#define CXRD_ENGINE_MODEL_PACE_H

#include <stddef.h>
#include <stdint.h>

/* What a submission may take at most, where a single dispatch does not take longer. */
#define PACE_LIMIT_MS 100.0

/* The number of dispatches after which to cut a pass, at least 1, so that no part takes longer than
 * PACE_LIMIT_MS; 0: it needs no cut. `ms` are the times of its `count` dispatches, each multiplied by
 * `factor` for a batch of another size. */
uint32_t pace_cut(const double *ms, size_t count, double factor);

#endif
