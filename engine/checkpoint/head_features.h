/* What a linear head reads, told from the number of its inputs: the class tokens of the last n blocks, oldest
 * first, and after them perhaps the mean patch token of the last block, all normed. That is the order of
 * DINOv2 (dinov2/hub/classifiers.py), of transformers' ForImageClassification and of the authors; timm's
 * pools the class token.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_HEAD_FEATURES_H
#define CXRD_ENGINE_CHECKPOINT_HEAD_FEATURES_H

#include "engine/checkpoint/head_form.h"
#include "engine/checkpoint/import.h"
#include "engine/package/card.h"

struct head_features {
    uint32_t blocks;
    bool average_pool;
};

/* Of a head with `inputs` inputs on a backbone. A candidate's name says it, or else the form does where its
 * kind of head is published with so many; where two readings are left, features= and blocks= of `asked`
 * choose. Fails with INVALID_FILE when the inputs do not fit the backbone or the candidate's name, with
 * BAD_REQUEST, listing the readings, when they must be chosen or what was chosen is none. */
WARN_UNUSED enum status head_features_choose(size_t inputs, const struct backbone_card *backbone,
                                             enum head_form form, const char *candidate,
                                             const struct import_head *asked, struct failure *failure,
                                             struct head_features *out);

#endif
