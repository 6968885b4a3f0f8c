/* Other heads for a package that is there: model.json, the heads' files and SHA256SUMS change, the rest
 * stays.
 *
 * Nothing is written in place. A head's file gets a name that is free, so that who serves the package keeps
 * what it opened; then model.json and SHA256SUMS are each renamed over the old ones. A process that is killed
 * before the first of these leaves the package as it was, with a file more that nothing uses; between the
 * two, a package that is refused as changed since it was sealed, until it is sealed again. It never leaves
 * one that answers otherwise than it says.
 */
#ifndef CXRD_ENGINE_PACKAGE_EDIT_H
#define CXRD_ENGINE_PACKAGE_EDIT_H

#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "engine/package/package.h"

struct package_edit;

/* The path of a file "STEM.safetensors" that is not there yet, else "STEM.2.safetensors" and so on; its name
 * is *file. Both are in the arena. */
const char *package_free_file(struct arena *arena, const char *folder, const char *stem, const char **file);

/* Opens a package, which must be sealed and whole, and keeps others from editing it until package_edit_end.
 * Warns of files that an edit which was killed has left.
 * Fails with BAD_REQUEST when another process does so, else as package_open and package_verify. */
WARN_UNUSED enum status package_edit_begin(const char *folder, struct failure *failure,
                                           struct package_edit **out);
/* Without package_edit_commit before, nothing has changed. */
void package_edit_end(struct package_edit **edit);

/* The package as it was opened; valid until package_edit_end. */
const struct package *package_edit_package(const struct package_edit *edit);

/* What the package says of where its backbone came from: a text of provenance.backbone, or NULL. */
const char *package_edit_source(const struct package_edit *edit, const char *member);

/* The path for a new head's weights, which the caller writes before package_edit_commit; the edit owns the
 * text. Its last part is given as *file, for the head's card. */
const char *package_edit_file(struct package_edit *edit, const char *head, const char **file);
/* Adds a head, whose weights' hash may be CARD_NO_HASH until package_edit_hash. `source`, for people, says
 * where it came from and belongs to the edit from then on. Fails with BAD_REQUEST when there is a head of
 * that name. */
WARN_UNUSED enum status package_edit_add(struct package_edit *edit, const struct head_card *head,
                                         struct json *source, struct failure *failure);
/* States the hash of a head's file. */
void package_edit_hash(struct package_edit *edit, const char *file, const char sha256[SHA256_HEX_BYTES]);
/* Removes a head. Its file goes with package_edit_commit, unless another head uses it. Fails with
 * BAD_REQUEST, naming those there are, when there is none of that name. */
WARN_UNUSED enum status package_edit_remove(struct package_edit *edit, const char *head,
                                            struct failure *failure);

/* What a loader would say of the model.json as it has become. Fails with INVALID_FILE, as card_read. */
WARN_UNUSED enum status package_edit_check(const struct package_edit *edit, struct failure *failure);
/* Writes model.json and SHA256SUMS, and removes the files that nothing uses any more. `out`: the package's
 * hash. Fails with INVALID_FILE; where only the second could not be written the sentence says so. */
WARN_UNUSED enum status package_edit_commit(struct package_edit *edit, struct failure *failure,
                                            char out[SHA256_HEX_BYTES]);

#endif
