/* Where a network came from, where the names of its tensors do not tell: a head in the same file does, or
 * whoever imports it. */
#ifndef CXRD_ENGINE_CHECKPOINT_ORIGIN_H
#define CXRD_ENGINE_CHECKPOINT_ORIGIN_H

#include "engine/base/status.h"
#include "engine/checkpoint/value.h"

/* Adds to the traits of a network's names (names.h) what the heads beside it show: timm's `head`, where a
 * network of its names has one, and `linear_head` of the classifiers of DINOv2's hub. */
unsigned origin_with_heads(const struct value *state, unsigned traits);

/* Adds what --layout says. Fails with BAD_REQUEST when it is none (layout_option), or names show another. */
WARN_UNUSED enum status origin_with_option(const char *option, struct failure *failure, unsigned *traits);

#endif
