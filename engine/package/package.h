/* A model package: the folder with model.json, its safetensors files and SHA256SUMS, checked and verified.
 *
 * model.json is read once; a member of the wrong kind, a number out of its range or a missing one is an error
 * that names it. Its network must be the one whose tensors the weight files hold, its labels those that the
 * heads were trained on, its thresholds set on these weights; and every byte of it all must be the one that
 * SHA256SUMS states, whose own SHA-256 is the package's hash.
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
/* The same without what sealing adds: SHA256SUMS, and what binds labels and thresholds where nothing does
 * yet. The card's package_sha256 stays empty. For package_seal. */
WARN_UNUSED enum status package_open_unsealed(const char *folder, struct failure *failure,
                                              struct package **out);
/* Waits for the hashes. INVALID_FILE when a file is not the one that model.json states, or was written to
 * since the package was opened. To be asked after each use of the weights; by one thread at a time. */
WARN_UNUSED enum status package_verify(struct package *package, struct failure *failure);
/* Hashes all weight files anew, for who has read the weights again long after package_verify: a disk decays.
 * `before` is what package_stamp gave before that. Fails as package_verify, and where the files were written
 * to since. Thread-safe. */
WARN_UNUSED enum status package_verify_again(const struct package *package, uint64_t before,
                                             struct failure *failure);
/* A number made of the weight files' stamps (struct file_stamp), which is another one once one of them was
 * written to, or got other names or permissions. Thread-safe. */
uint64_t package_stamp(const struct package *package);
void package_close(struct package **package);

/* All valid until package_close. */
const struct model_card *package_card(const struct package *package);
const struct safetensors *package_backbone(const struct package *package);
const struct safetensors *package_head(const struct package *package, size_t index);

#endif
