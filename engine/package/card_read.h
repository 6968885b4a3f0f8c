/* model.json to a card: the one place that knows the names of its members. */
#ifndef CXRD_ENGINE_PACKAGE_CARD_READ_H
#define CXRD_ENGINE_PACKAGE_CARD_READ_H

#include "engine/base/json.h"
#include "engine/package/card.h"

/* Fills *out from the root object of a model.json; texts and arrays live in `arena`. Fails with INVALID_FILE
 * and a sentence that names the member. weights_sha256 of the card is left empty. */
WARN_UNUSED enum status card_read(const struct json *root, struct arena *arena, struct failure *failure,
                                  struct model_card *out);

#endif
