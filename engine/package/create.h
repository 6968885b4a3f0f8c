/* Making a package: a folder that is there whole and sealed, or not at all. Whatever makes one goes this way.
 */
#ifndef CXRD_ENGINE_PACKAGE_CREATE_H
#define CXRD_ENGINE_PACKAGE_CREATE_H

#include "engine/base/json.h"
#include "engine/package/card.h"

/* A file's hash until it is written: so many zeros. */
extern const char CARD_NO_HASH[];

/* What a loader would say of a card whose weight files are not written yet. Fails with INVALID_FILE, as
 * card_read. */
WARN_UNUSED enum status card_check(const struct model_card *card, struct failure *failure);

/* Writes a new package's weight files into a folder, and gives its model.json, which package_create destroys.
 */
typedef enum status package_fill(void *context, const char *folder, struct failure *failure,
                                 struct json **root);

/* BAD_REQUEST when something lies where the package is to be made, or nothing can be made there. Warns of
 * what a run that was killed has left there. */
WARN_UNUSED enum status package_can_create(const char *folder, struct failure *failure);
/* Has a folder beside `folder` filled, writes model.json, seals it, opens it as everyone else will, and
 * renames it to `folder`. On failure, that of `fill` or of package_seal, or BAD_REQUEST where it cannot be
 * made, nothing is left of it. */
WARN_UNUSED enum status package_create(const char *folder, package_fill *fill, void *context,
                                       struct failure *failure);

#endif
