/* Sealing a package: what makes it one, after a person has looked at it or a program has made it. */
#ifndef CXRD_ENGINE_PACKAGE_SEAL_H
#define CXRD_ENGINE_PACKAGE_SEAL_H

#include "engine/base/sha256.h"
#include "engine/base/status.h"

/* Checks the package as package_open does, writes what is missing of what binds it (label names into the
 * heads' files, which get new names, the hash of the weights beside each threshold that is not a default),
 * then SHA256SUMS, and opens the result. `out`: the package's hash.
 *
 * What it will not do is make a contradiction disappear: labels in another order than the weights', a
 * threshold set on other weights, tensors that nothing uses and weights that model.json states another hash
 * of are refused with INVALID_FILE. A process that is killed
 * leaves a package that can be sealed again, and perhaps a file more that nothing uses. By one process at a
 * time. */
WARN_UNUSED enum status package_seal(const char *folder, struct failure *failure, char out[SHA256_HEX_BYTES]);

#endif
