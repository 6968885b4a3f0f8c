/* SHA256SUMS: the seal of a package, in the form of sha256sum(1), so that anyone can check it anywhere:
 *
 *     sha256sum -c SHA256SUMS       every file is the one that was sealed
 *     sha256sum SHA256SUMS          the package's one hash
 *
 * It lists model.json and each weight file, in the order of their names. What it must say follows from
 * model.json alone, which states the hash of each weight file; so it is never parsed, only compared.
 */
#ifndef CXRD_ENGINE_PACKAGE_SUMS_H
#define CXRD_ENGINE_PACKAGE_SUMS_H

#include "engine/base/sha256.h"
#include "engine/package/card.h"

#define SUMS_FILE "SHA256SUMS"
#define CARD_FILE "model.json"

/* Hash of the hashes of all weight files, in the order of their names. */
void sums_weights(const struct model_card *card, char out[SHA256_HEX_BYTES]);

/* The text for a card whose model.json has these bytes, in memory the caller frees. */
char *sums_print(const struct model_card *card, struct bytes model_json);

/* Reads the folder's SHA256SUMS, which must say exactly that, and gives its hash. Fails with INVALID_FILE:
 * not sealed, or changed since; the sentence says what to do. */
WARN_UNUSED enum status sums_check(const char *folder, const struct model_card *card, struct bytes model_json,
                                   struct failure *failure, char out[SHA256_HEX_BYTES]);

#endif
