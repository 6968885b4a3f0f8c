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

/* Fails with INVALID_FILE when the file lies in a model package, by its path or behind links: its names are
 * those of a network, and what else a package says of it would be lost. Anything but a file passes. */
WARN_UNUSED enum status import_beside_check_package(const char *path, struct failure *failure);

/* The same of a checkpoint that says so itself, wherever it was moved to. */
WARN_UNUSED enum status import_beside_check_content(const char *path, const struct checkpoint *checkpoint,
                                                    struct failure *failure);

/* Names what lies beside weights or a configuration that were given alone, so that nobody reads it, and how
 * to have it read. `knows_pictures`: how they are prepared is known already. */
void import_beside_note(const struct backbone_options *options, const struct folder *folder,
                        bool knows_pictures, char note[IMPORT_NOTE_BYTES]);

/* The path of a file of that name beside another, or NULL; the caller frees it. */
char *import_beside_find(const char *path, const char *name);

#endif
