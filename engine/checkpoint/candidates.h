/* The candidates of a head's file: the authors write one for each learning rate that they tried. */
#ifndef CXRD_ENGINE_CHECKPOINT_CANDIDATES_H
#define CXRD_ENGINE_CHECKPOINT_CANDIDATES_H

#include "engine/base/status.h"
#include "engine/checkpoint/names.h"

enum { CANDIDATES_MAX = 64 };

struct candidates {
    char names[CANDIDATES_MAX][NAME_BYTES]; /* "" of a head without a name */
    size_t count;
};

/* Notes one that has not been; those beyond CANDIDATES_MAX are not listed. */
void candidates_note(struct candidates *candidates, const char *name);

/* The one that is wanted, or the only one where that is NULL. Fails with INVALID_FILE, listing them when none
 * or several fit. */
WARN_UNUSED enum status candidates_choose(const struct candidates *candidates, const char *wanted,
                                          struct failure *failure, char out[NAME_BYTES]);

#endif
