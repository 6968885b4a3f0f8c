/* A .pth file as torch.save writes it: its value tree, and its tensors' elements on request.
 *
 * Nothing of the file is ever executed; see pickle.h.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_CHECKPOINT_H
#define CXRD_ENGINE_CHECKPOINT_CHECKPOINT_H

#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/checkpoint/value.h"

struct checkpoint; /* used by one thread at a time */

/* Fails with NOT_FOUND or INVALID_FILE; sentences name the path. The caller owns *out. */
WARN_UNUSED enum status checkpoint_open(const char *path, struct failure *failure, struct checkpoint **out);
void checkpoint_close(struct checkpoint **checkpoint);

/* The pickled value; it and all below it live until checkpoint_close. */
const struct value *checkpoint_root(const struct checkpoint *checkpoint);

/* The state dict: the dict under "teacher", "model" or "state_dict", in this order, or else the root itself.
 * Fails with INVALID_FILE when that is not a dict: the sentence names the global that stands in its place. */
WARN_UNUSED enum status checkpoint_state(const struct checkpoint *checkpoint, struct failure *failure,
                                         const struct value **out);

/* Fails with INVALID_FILE when tensors lie where nothing looks for them: beside the state dict, or in a
 * container within it, under a name that is not one of training's (optimizer, scheduler, ...). */
WARN_UNUSED enum status checkpoint_check_rest(const struct checkpoint *checkpoint, struct failure *failure);

/* The whole file's bytes, for its hash; and INVALID_FILE when it was written to since it was opened. */
struct bytes checkpoint_content(const struct checkpoint *checkpoint);
WARN_UNUSED enum status checkpoint_unchanged(const struct checkpoint *checkpoint, struct failure *failure);

/* Reads a tensor's elements, row-major in the tensor's own type, gathering those of a view. The caller frees
 * (void *)out->data. Fails with INVALID_FILE. */
WARN_UNUSED enum status checkpoint_read(struct checkpoint *checkpoint, const struct stored_tensor *tensor,
                                        struct failure *failure, struct bytes *out);

/* Calls `visit` for every tensor of the tree with its path ("model.norm.weight"), in order. The walk is
 * bounded in depth and in the number of values, as the tree may hold circles: false when it was cut. */
bool checkpoint_walk(const struct checkpoint *checkpoint,
                     void (*visit)(void *context, const char *path, const struct stored_tensor *tensor),
                     void *context);

#endif
