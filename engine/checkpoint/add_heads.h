/* Heads of published files for a package that is there: what `cxrd head add` does, without its backbone's
 * checkpoint.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_ADD_HEADS_H
#define CXRD_ENGINE_CHECKPOINT_ADD_HEADS_H

#include "engine/base/sha256.h"
#include "engine/checkpoint/import.h"

/* All of them or none, as package_edit_commit does it. `precision` NULL: as the backbone's matrices are
 * stored. `note`: as checkpoint_import's. `out`: the package's hash. Fails as package_edit_begin,
 * import_head_open and package_edit_commit; in all but the last case nothing has changed. */
WARN_UNUSED enum status checkpoint_add_heads(const char *folder, const struct import_head *heads,
                                             size_t count, const enum import_precision *precision,
                                             import_progress *progress, void *context,
                                             struct failure *failure, char note[IMPORT_NOTE_BYTES],
                                             char out[SHA256_HEX_BYTES]);

#endif
