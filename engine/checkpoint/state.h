/* Where in a checkpoint's values the state dict is, and that no tensors lie elsewhere. */
#ifndef CXRD_ENGINE_CHECKPOINT_STATE_H
#define CXRD_ENGINE_CHECKPOINT_STATE_H

#include "engine/base/status.h"
#include "engine/checkpoint/value.h"

enum { STATE_DEPTH_MAX = 4 };

struct state {
    const struct value *value;
    const char *name; /* that it lay under, or empty */
    /* The dicts that it was found through, from the root on. */
    const struct value *within[STATE_DEPTH_MAX];
    size_t depth;
};

/* The value under "teacher", "model", "state_dict", ... of the root, of that one again, and so on. */
struct state state_find(const struct value *root);

/* Fails with INVALID_FILE when it is not a dict: the sentence names what stands in its place. */
WARN_UNUSED enum status state_check(const struct state *state, struct failure *failure);

/* Fails with INVALID_FILE when tensors lie beside it, or in a container within it, under a name that is not
 * one of training's, or when two networks are there of which either may be meant. */
WARN_UNUSED enum status state_check_rest(const struct state *state, struct failure *failure);

#endif
