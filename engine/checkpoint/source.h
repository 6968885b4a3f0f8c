/* One file of weights, mapped: its tensors as values. */
#ifndef CXRD_ENGINE_CHECKPOINT_SOURCE_H
#define CXRD_ENGINE_CHECKPOINT_SOURCE_H

#include "engine/base/file.h"
#include "engine/checkpoint/archive.h"
#include "engine/checkpoint/format.h"
#include "engine/checkpoint/value.h"
#include "engine/weights/safetensors.h"

struct source {
    char *path;
    struct file_mapping file;
    enum format format;
    struct archive *archive;         /* FORMAT_ZIP */
    struct safetensors *safetensors; /* FORMAT_SAFETENSORS */
    struct value *root;              /* NULL: FORMAT_JSON */
};

/* Opens a file of any format but FORMAT_OTHER and reads what values it has, which live in `arena`. Fails with
 * NOT_FOUND or INVALID_FILE; sentences name the path. The caller finishes *out. */
WARN_UNUSED enum status source_open(const char *path, struct arena *arena, struct failure *failure,
                                    struct source *out);
void source_finish(struct source *source);

/* The bytes of a tensor's storage, of exactly storage_elements, in the file. Fails with INVALID_FILE. */
WARN_UNUSED enum status source_storage(const struct source *source, const struct stored_tensor *tensor,
                                       struct failure *failure, struct bytes *out);

#endif
