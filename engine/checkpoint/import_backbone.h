/* The backbone's tensors, and the sizes that their shapes say. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_BACKBONE_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_BACKBONE_H

#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/config.h"
#include "engine/checkpoint/selection.h"
#include "engine/package/card.h"

/* Selects every tensor of the network, whatever layout of names the file has. Fails with INVALID_FILE when
 * there is none, or one that is neither known nor known to be harmless; *out is then empty. The caller
 * finishes *out. */
WARN_UNUSED enum status import_backbone_select(const struct checkpoint *checkpoint, struct failure *failure,
                                               struct selection *out);

/* Reads all sizes off the shapes: everything of *out but the weights' file and hash. Whether each tensor fits
 * them is for backbone_check to say. image_size 0 means the one of `config`. Fails with INVALID_FILE when a
 * tensor that tells a size is missing or contradicts the configuration, with BAD_REQUEST for the image size.
 */
WARN_UNUSED enum status import_backbone_describe(const struct selection *selection,
                                                 const struct config *config, size_t image_size,
                                                 struct failure *failure, struct backbone_card *out);

#endif
