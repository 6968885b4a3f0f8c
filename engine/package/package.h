/* A model package: the folder with model.json and its safetensors files, checked and verified.
 *
 * model.json is read once; a member of the wrong kind, a number out of its range or a missing one is an error
 * that names it. Every weight file must have the SHA-256 that model.json states.
 */
#ifndef CXRD_ENGINE_PACKAGE_PACKAGE_H
#define CXRD_ENGINE_PACKAGE_PACKAGE_H

#include "engine/base/status.h"
#include "engine/package/card.h"
#include "engine/weights/safetensors.h"

struct package; /* immutable once open */

/* Opens a package and begins to hash its weight files in the background, which takes a core as long as
 * reading them takes another: what is loaded meanwhile counts once package_verify has said so. Fails with
 * NOT_FOUND, INVALID_FILE; sentences name the file. The caller owns *out. */
WARN_UNUSED enum status package_open(const char *folder, struct failure *failure, struct package **out);
/* Waits for the hashes. INVALID_FILE when a file is not the one that model.json states. By one thread at a
 * time.
 */
WARN_UNUSED enum status package_verify(struct package *package, struct failure *failure);
void package_close(struct package **package);

/* All valid until package_close. */
const struct model_card *package_card(const struct package *package);
const struct safetensors *package_backbone(const struct package *package);
const struct safetensors *package_head(const struct package *package, size_t index);

#endif
