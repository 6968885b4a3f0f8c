/* A backbone's tensors, found under any layout of names, and the shape of network they tell. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_BACKBONE_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_BACKBONE_H

#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/config.h"
#include "engine/checkpoint/selection.h"

struct imported_backbone {
    size_t width, depth, heads, patch_size, image_size, registers, ffn_hidden, position_grid;
    bool swiglu; /* else GELU */
    double interpolate_offset;
};

/* Selects the backbone's tensors of the state dict. Fails with INVALID_FILE; *out is then empty. The caller
 * finishes *out. */
WARN_UNUSED enum status import_backbone_select(const struct checkpoint *checkpoint, struct failure *failure,
                                               struct selection *out);

/* Reads the network's shape off the tensors and checks that every tensor it needs is there in its shape, and
 * that the configuration agrees. `image_size` 0 takes the configuration's. Fails with INVALID_FILE, or
 * BAD_REQUEST for the image size. */
WARN_UNUSED enum status import_backbone_describe(const struct selection *selection,
                                                 const struct config *config, size_t image_size,
                                                 struct failure *failure, struct imported_backbone *out);

#endif
