/* The candidates of a head's file: DINOv2's training and the authors' write one for each learning rate that
 * they tried. */
#ifndef CXRD_ENGINE_CHECKPOINT_CANDIDATES_H
#define CXRD_ENGINE_CHECKPOINT_CANDIDATES_H

#include "engine/base/json.h"
#include "engine/base/status.h"
#include "engine/checkpoint/head_form.h"
#include "engine/checkpoint/value.h"

/* DINOv2 and the authors try 13 learning rates, for each number of blocks and with and without pooling. */
enum { CANDIDATES_MAX = 1024 };

struct candidates {
    char names[CANDIDATES_MAX][NAME_BYTES]; /* "" of a head without a name */
    size_t count;
    enum head_form form; /* of the one without a name */
};

/* The candidates of a state dict, none where it holds no head: those that have a name or are of the authors'
 * form, or else the head of another form, since where both lie in one file the latter was not what its
 * candidates name. Fails with INVALID_FILE when there are over CANDIDATES_MAX. */
WARN_UNUSED enum status candidates_find(const struct value *state, struct failure *failure,
                                        struct candidates *out);

/* The one that is wanted, or the only one where that is NULL. Fails with INVALID_FILE, listing them when none
 * or several fit. */
WARN_UNUSED enum status candidates_choose(const struct candidates *candidates, const char *wanted,
                                          struct failure *failure, char out[NAME_BYTES]);

/* Of the form `other` where it has no name; a package's where the file's metadata says so. NULL: a file
 * without metadata. */
enum head_form candidate_form(const char *candidate, enum head_form other, const struct json *metadata);

#endif
