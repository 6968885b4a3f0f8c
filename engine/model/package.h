/* A model package: the folder with model.json and its safetensors files, checked and verified.
 *
 * model.json is read once; a member of the wrong kind, a number out of its range or a missing one is an error
 * that names it. Every weight file must have the SHA-256 that model.json states.
 */
#ifndef CXRD_ENGINE_MODEL_PACKAGE_H
#define CXRD_ENGINE_MODEL_PACKAGE_H

#include "engine/base/status.h"
#include "engine/model/card.h"
#include "engine/weights/safetensors.h"

struct package; /* immutable once open */

/* Opens and verifies a package. Fails with NOT_FOUND, INVALID_FILE; sentences name the file. The caller owns
 * *out. */
WARN_UNUSED enum status package_open(const char *folder, struct failure *failure, struct package **out);
void package_close(struct package **package);

/* All valid until package_close. */
const struct model_card *package_card(const struct package *package);
const struct safetensors *package_backbone(const struct package *package);
const struct safetensors *package_head(const struct package *package, size_t index);

#endif
