/* What lies beside a backbone's weights, or was given for it: its configuration, and how pictures are
 * prepared. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_BESIDE_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_BESIDE_H

#include "engine/checkpoint/folder.h"
#include "engine/checkpoint/import_backbone.h"
#include "engine/checkpoint/preprocessor.h"

/* Reads all of it. What is given goes before the folder's. With a profile given, what files say of pictures
 * is taken for the size of the input where it can be read, and else not at all. Fails with INVALID_FILE, also
 * when two files of the folder contradict one another; sentences name the file. */
WARN_UNUSED enum status import_beside_read(const struct backbone_options *options,
                                           const struct folder *folder, struct failure *failure,
                                           struct config *config, struct preprocessor *preprocessor);

/* The path of a file that says how pictures are prepared and lies beside weights or a configuration that were
 * given alone, so that nobody reads it; or NULL. The caller frees it. */
char *import_beside_unread(const struct backbone_options *options, const struct folder *folder);

#endif
