/* What the readers of published preprocessing share: sides, channels and refusals of a document's members. */
#ifndef CXRD_ENGINE_CHECKPOINT_PREPROCESSOR_VALUES_H
#define CXRD_ENGINE_CHECKPOINT_PREPROCESSOR_VALUES_H

#include "engine/checkpoint/preprocessor.h"

/* INVALID_FILE: "\"key\" what." */
enum status preprocessor_refuse(struct failure *failure, const char *key, const char *what);

/* The member, or NULL when it is absent or null. */
const struct json *preprocessor_member(const struct json *object, const char *key);

/* A side in pixels, 1 to 65536; false when it is none. */
bool preprocessor_side(const struct json *value, uint32_t *out);

/* Three numbers, or one for all channels; those of `absent` where the member is absent or null, which is then
 * refused where `absent` is NULL. */
WARN_UNUSED enum status preprocessor_channels(const struct json *object, const char *key,
                                              const double absent[3], double minimum, double maximum,
                                              struct failure *failure, double out[3]);

/* Refuses a crop that the resized image does not cover; an edge that is the input itself needs no number. */
WARN_UNUSED enum status preprocessor_check_edge(struct failure *failure, struct preprocessor *out);

/* Fills *out from "pretrained_cfg" of timm's config.json, or a flat one. */
WARN_UNUSED enum status preprocessor_read_timm(const struct json *object, struct failure *failure,
                                               struct preprocessor *out);

#endif
