/* The documents that lie beside published weights, told by what they say: a network's configuration, how
 * pictures are prepared, an adapter's. Each refuses what is another. */
#ifndef CXRD_ENGINE_CHECKPOINT_DOCUMENT_H
#define CXRD_ENGINE_CHECKPOINT_DOCUMENT_H

#include "engine/base/json.h"
#include "engine/base/status.h"

enum document_kind { DOCUMENT_NETWORK, DOCUMENT_PREPROCESSOR };

/* Whether it says how pictures are prepared, as transformers' files do. */
bool document_says_pictures(const struct json *document);

/* Whether it is timm's config.json: with "pretrained_cfg", or a flat one of before there was that. */
bool document_is_timm(const struct json *document);
/* What timm's says of the pictures: "pretrained_cfg", or a flat one itself; NULL: nothing. */
const struct json *document_timm_data(const struct json *document);
/* A member on pictures that stands beside "pretrained_cfg" and not the same within it, or NULL. */
const char *document_timm_contradiction(const struct json *document);

/* Sets INVALID_FILE with what a document is that says nothing of what was looked for in it. */
enum status document_refuse(const struct json *document, enum document_kind wanted, struct failure *failure);

#endif
