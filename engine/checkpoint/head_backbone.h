/* Which backbone a head goes with: any that is as wide, or only the one that it was trained together with. */
#ifndef CXRD_ENGINE_CHECKPOINT_HEAD_BACKBONE_H
#define CXRD_ENGINE_CHECKPOINT_HEAD_BACKBONE_H

#include "engine/checkpoint/import_head.h"

/* Whether a state dict holds a part of a backbone: its own tensors, or an adapter's. */
bool import_holds_backbone(const struct value *state);

/* Whether the head lies in the file that the backbone was imported from. */
bool head_is_own(const struct head_import *head, const struct backbone_files *from);

/* Fails with INVALID_FILE when the head was trained together with another backbone, which lies in its file,
 * or which its package's file names; with BAD_REQUEST when a package's head was of another kind. Fills
 * head->trained_with. */
WARN_UNUSED enum status head_check_backbone(struct head_import *head, const struct backbone_files *from,
                                            struct failure *failure);

#endif
