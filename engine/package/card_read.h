/* model.json to a card: the one place that knows the names of its members. */
#ifndef CXRD_ENGINE_PACKAGE_CARD_READ_H
#define CXRD_ENGINE_PACKAGE_CARD_READ_H

#include "engine/base/json.h"
#include "engine/package/card.h"

enum { CARD_BYTES_MAX = 16 << 20 };

/* Reads the folder's model.json. The caller frees (void *)out->data. Fails as file_read does; where something
 * else than a package was given the sentence says so, and what to do. */
WARN_UNUSED enum status card_file_read(const char *folder, struct failure *failure, struct bytes *out);

/* Parses the text of a model.json, which the caller owns afterwards. Fails with INVALID_FILE. */
WARN_UNUSED enum status card_parse(struct bytes text, struct failure *failure, struct json **out);

/* Fills *out from the root object of a model.json; texts and arrays live in `arena`. Fails with INVALID_FILE
 * and a sentence that names the member. Every text of the document is UTF-8 without control characters, no
 * member stands twice in an object, and "weights_sha256" has a hash for each weight file and for nothing
 * else. A member that nothing reads is no failure: the card lists it. The card's own weights_sha256 and
 * package_sha256 are left empty. */
WARN_UNUSED enum status card_read(const struct json *root, struct arena *arena, struct failure *failure,
                                  struct model_card *out);

#endif
