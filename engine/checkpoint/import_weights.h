/* Writes a selection of a checkpoint's tensors as a package's weight file. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_WEIGHTS_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_WEIGHTS_H

#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/import.h"
#include "engine/checkpoint/selection.h"

struct import_meter {
    import_progress *progress; /* NULL: nobody watches */
    void *context;
    size_t done_bytes, total_bytes;
};

/* What writing all of these tensors tells the meter: each is read twice, as floats. */
size_t import_weights_work(const struct selection *selection);

/* Fails with INVALID_FILE when a value is not finite, or too large for its type: at IMPORT_FP16 the matrices
 * that meet activations are F16, and the rest (norms, biases, scales, tokens, queries: little data, and where
 * small values count) stays F32. So does a matrix of which F16 would lose a row, whose values are too small
 * for it: this is noted in the selection. Fails also as selection_read. */
WARN_UNUSED enum status import_weights_check(struct checkpoint *checkpoint, struct selection *selection,
                                             enum import_precision precision, struct import_meter *meter,
                                             struct failure *failure);
/* The same for who has not chosen: at IMPORT_FP32, where *fp16 has why it fails at IMPORT_FP16 or is of
 * STATUS_OK. */
WARN_UNUSED enum status import_weights_examine(struct checkpoint *checkpoint, struct selection *selection,
                                               struct import_meter *meter, struct failure *failure,
                                               struct failure *fp16);
/* Adds the sentence on what is stored in F32 although F16 was asked for, if anything is. */
void import_weights_note(const struct selection *selection, char note[IMPORT_NOTE_BYTES]);

/* Writes `path`, one tensor at a time, of a selection that import_weights_check has passed; `metadata` is an
 * object of texts or NULL. `sha256`: of what was written. Fails as selection_read, safetensors_write and
 * checkpoint_unchanged; then nothing is written. */
WARN_UNUSED enum status import_weights_write(const char *path, struct checkpoint *checkpoint,
                                             const struct selection *selection,
                                             enum import_precision precision, const struct json *metadata,
                                             struct import_meter *meter, struct failure *failure,
                                             char sha256[SHA256_HEX_BYTES]);

#endif
