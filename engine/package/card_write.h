/* A card to model.json: the other direction of card_read. */
#ifndef CXRD_ENGINE_PACKAGE_CARD_WRITE_H
#define CXRD_ENGINE_PACKAGE_CARD_WRITE_H

#include "engine/base/json.h"
#include "engine/package/card.h"

/* One of its "heads". */
struct json *card_head_json(const struct head_card *head);

/* The root object, which the caller owns: everything that card_read reads. */
struct json *card_json(const struct model_card *card);

/* A root object as the text of a model.json, in memory the caller frees. */
char *card_print(const struct json *root);

#endif
