/* One head's tensors, of the chosen candidate, and what kind of head they make. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_HEAD_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_HEAD_H

#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/names.h"
#include "engine/checkpoint/selection.h"

struct imported_head {
    bool glori; /* else linear */
    size_t blocks, classes;
    bool average_pool;
    char candidate[NAME_BYTES]; /* empty when the file names none */
};

/* Selects the tensors of the candidate `wanted`, or of the only one when NULL, and notes its name in
 * out->candidate. Fails with INVALID_FILE, listing the candidates when none or several fit; *selection is
 * then empty. The caller finishes *selection. */
WARN_UNUSED enum status import_head_select(const struct checkpoint *checkpoint, const char *wanted,
                                           struct failure *failure, struct selection *selection,
                                           struct imported_head *out);

/* Reads the rest of *head off the candidate's name and the shapes, and checks every tensor, for a backbone of
 * this width and depth. Fails with INVALID_FILE. */
WARN_UNUSED enum status import_head_describe(const struct selection *selection, size_t width, size_t depth,
                                             struct failure *failure, struct imported_head *head);

#endif
