/* A checkpoint as it is published: its value tree, and its tensors' elements on request.
 *
 * Told by their bytes, never by their names: a zip of torch.save, a safetensors file, a set of either with
 * its index (model.safetensors.index.json), or a folder that holds one of these and perhaps a LoRA adapter
 * (folder.h). Whatever it is, it reads as one tree of values; a safetensors file is one dict. Nothing of a
 * file is ever executed; see pickle.h. Files are mapped, and tensors read from the map one at a time.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_CHECKPOINT_H
#define CXRD_ENGINE_CHECKPOINT_CHECKPOINT_H

#include "engine/base/memory.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "engine/checkpoint/folder.h"
#include "engine/checkpoint/state.h"
#include "engine/checkpoint/value.h"

struct checkpoint; /* used by one thread at a time */

/* Opens a file, an index or a folder. Fails with NOT_FOUND or INVALID_FILE; sentences name the path, and of a
 * file of another kind what it is and what to do (format.h). The caller owns *out. */
WARN_UNUSED enum status checkpoint_open(const char *path, struct failure *failure, struct checkpoint **out);
void checkpoint_close(struct checkpoint **checkpoint);

/* What it is ("a safetensors file"), for people; lives until checkpoint_close. */
const char *checkpoint_kind(const struct checkpoint *checkpoint);
/* The files that lie in the folder that was opened: no path is set where a file was. */
const struct folder *checkpoint_folder(const struct checkpoint *checkpoint);

/* The pickled value; it and all below it live until checkpoint_close. */
const struct value *checkpoint_root(const struct checkpoint *checkpoint);

/* The "__metadata__" of a safetensors file, which lives until checkpoint_close; NULL of anything else. */
const struct json *checkpoint_metadata(const struct checkpoint *checkpoint);

/* The state dict: the dict under "teacher", "model", "state_dict", ... of the root, or of that one again; or
 * else the root itself. The text keys' values that are tensors are the weights. Fails with INVALID_FILE when
 * that is not a dict: the sentence names what stands in its place. */
WARN_UNUSED enum status checkpoint_state(const struct checkpoint *checkpoint, struct failure *failure,
                                         const struct value **out);
/* Where that lies, in the file of the weights; lives until checkpoint_close. */
const struct state *checkpoint_state_place(const struct checkpoint *checkpoint);

/* Whether the state dict has it of the adapter's file in the folder, and not of the weights'. */
bool checkpoint_is_adapters(const struct checkpoint *checkpoint, const struct stored_tensor *tensor);

/* Fails with INVALID_FILE when tensors lie where nothing looks for them: beside the state dict, or in a
 * container within it, under a name that is not one of training's (optimizer, scheduler, ...). */
WARN_UNUSED enum status checkpoint_check_rest(const struct checkpoint *checkpoint, struct failure *failure);

/* The hash of the file; of several files, of the lines "HASH  NAME" of all (what sha256sum prints of them).
 */
void checkpoint_sha256(const struct checkpoint *checkpoint, char out[SHA256_HEX_BYTES]);
/* INVALID_FILE when one of its files was written to since it was opened. */
WARN_UNUSED enum status checkpoint_unchanged(const struct checkpoint *checkpoint, struct failure *failure);

/* Reads a tensor's elements, row-major in the tensor's own type, gathering those of a view. The caller frees
 * (void *)out->data. Fails with INVALID_FILE. */
WARN_UNUSED enum status checkpoint_read(struct checkpoint *checkpoint, const struct stored_tensor *tensor,
                                        struct failure *failure, struct bytes *out);

#endif
