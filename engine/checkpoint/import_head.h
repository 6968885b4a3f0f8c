/* One head's tensors, of the chosen candidate, and what kind of head they make. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_HEAD_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_HEAD_H

#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/names.h"
#include "engine/checkpoint/selection.h"
#include "engine/package/card.h"

/* Selects the tensors of the candidate `wanted`, or of the only one when NULL, and gives its name, empty when
 * the file names none. Fails with INVALID_FILE, listing the candidates when none or several fit, or naming a
 * tensor that is neither known nor known to be harmless; *selection is then empty. The caller finishes
 * *selection. */
WARN_UNUSED enum status import_head_select(const struct checkpoint *checkpoint, const char *wanted,
                                           struct failure *failure, struct selection *selection,
                                           char candidate[NAME_BYTES]);

/* Whether the file holds a backbone, too: the one that the head was trained with. */
bool import_head_has_backbone(const struct checkpoint *checkpoint);

/* Reads type, blocks, pooling and the number of labels off the candidate's name and the shapes, for a
 * backbone of this width and depth. Whether each tensor fits them is for head_check to say. Fails with
 * INVALID_FILE. */
WARN_UNUSED enum status import_head_describe(const struct selection *selection, const char *candidate,
                                             const struct backbone_card *backbone, struct failure *failure,
                                             struct head_card *head);

#endif
