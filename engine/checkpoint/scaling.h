/* Numbers beside a network, as Python has them and not as tensors, that scale what it reads or answers. */
#ifndef CXRD_ENGINE_CHECKPOINT_SCALING_H
#define CXRD_ENGINE_CHECKPOINT_SCALING_H

#include "engine/checkpoint/value.h"

/* Whether the value under this name is that: "scaler_mean" with more numbers than pictures have channels, or
 * a "temperature" other than 1. */
bool scaling_is(const char *name, const struct value *value);

/* The key of the first such value in a dict and the dicts within it, or NULL. `left`: how many may still be
 * looked at, counted down. */
const struct value *scaling_within(const struct value *value, size_t *left);

#endif
