/* Where in a checkpoint's values the state dict is, and that no tensors lie elsewhere. */
#ifndef CXRD_ENGINE_CHECKPOINT_STATE_H
#define CXRD_ENGINE_CHECKPOINT_STATE_H

#include "engine/base/status.h"
#include "engine/checkpoint/names.h"
#include "engine/checkpoint/value.h"

enum { STATE_DEPTH_MAX = 4, STATE_OTHERS_MAX = 8 * STATE_DEPTH_MAX };

struct state {
    const struct value *value;
    const char *name; /* that it lay under, or empty */
    /* The dicts that it was found through, from the root on. */
    const struct value *within[STATE_DEPTH_MAX];
    const char *names[STATE_DEPTH_MAX]; /* that led further, in each */
    size_t depth;
    enum name_owner owner; /* whose weights they are, as the first of the names that has a word on it says */
};

/* The value under "teacher", "model", "state_dict", ... of the root, of that one again, and so on. */
struct state state_find(const struct value *root);

/* Fails with INVALID_FILE when it is not a dict: the sentence names what stands in its place. */
WARN_UNUSED enum status state_check(const struct state *state, struct failure *failure);

/* The state dicts of a student or of averages beside it; returns how many. */
size_t state_others(const struct state *state, const struct value *out[STATE_OTHERS_MAX]);

/* Fails with INVALID_FILE when tensors lie beside it, or in a container within it, under a name that is not
 * one of training's, or of a kind that training keeps none of there; or when two networks are there of which
 * either may be meant. */
WARN_UNUSED enum status state_check_rest(const struct state *state, struct failure *failure);

#endif
