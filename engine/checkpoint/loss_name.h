/* The names under which Lightning saves losses and metrics with a model. */
#ifndef CXRD_ENGINE_CHECKPOINT_LOSS_NAME_H
#define CXRD_ENGINE_CHECKPOINT_LOSS_NAME_H

#include <stdbool.h>

/* Whether the name's first part is a loss's or a metric's: "criterion.pos_weight". */
bool loss_name_is(const char *name);

/* Whether only the beginning of the first part is, so that it may be a layer: "metric_fc.weight". */
bool loss_name_may_be_layer(const char *name);

#endif
