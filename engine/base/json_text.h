/* Inside base/: a JSON text (RFC 8259) before anything is made of it. */
#ifndef CXRD_ENGINE_BASE_JSON_TEXT_H
#define CXRD_ENGINE_BASE_JSON_TEXT_H

#include "engine/base/json.h"

/* Bounds a document before any of it is built: cJSON takes 64 bytes for what may be one byte of text. And
 * refuses what cJSON would read although it is no JSON, and another program otherwise: a NUL or another
 * control character in a text or for white space, numbers like 01 and 1., words like nullx. Fails with
 * BAD_REQUEST. */
WARN_UNUSED enum status json_text_check(struct bytes text, struct json_limits limits,
                                        struct failure *failure);

#endif
