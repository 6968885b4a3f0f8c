/* Writes a selection of a checkpoint's tensors as a package's weight file. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_WEIGHTS_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_WEIGHTS_H

#include "engine/base/json.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/import.h"
#include "engine/checkpoint/selection.h"

struct import_meter {
    import_progress *progress; /* NULL: nobody watches */
    void *context;
    size_t done_bytes, total_bytes;
};

/* Bytes import_weights_write will write of tensors. */
size_t import_weights_bytes(const struct selection *selection, enum import_precision precision);

/* Writes `path` one tensor at a time; `metadata` is an object of texts or NULL. At IMPORT_FP16 the matrices
 * that meet activations are F16, and the rest (norms, biases, scales, tokens, queries: little data, and where
 * small values count) stays F32. Fails with INVALID_FILE when a value is not finite or too large for its
 * type, or as checkpoint_read and safetensors_write do. */
WARN_UNUSED enum status import_weights_write(const char *path, struct checkpoint *checkpoint,
                                             const struct selection *selection,
                                             enum import_precision precision, const struct json *metadata,
                                             struct import_meter *meter, struct failure *failure);

#endif
