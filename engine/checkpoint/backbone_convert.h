/* How the tensors of a published backbone become the package's: those that are rows of one, timm's positions
 * and feed-forward. */
#ifndef CXRD_ENGINE_CHECKPOINT_BACKBONE_CONVERT_H
#define CXRD_ENGINE_CHECKPOINT_BACKBONE_CONVERT_H

#include "engine/checkpoint/backbone_select.h"

/* Works on all that was selected, and adds to its traits what shapes show. Fails with INVALID_FILE when a
 * piece is missing or does not fit the others. */
WARN_UNUSED enum status backbone_convert(struct backbone_selection *out, struct failure *failure);

#endif
