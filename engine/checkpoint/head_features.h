/* What a linear head reads, told from the number of its inputs: the class tokens of the last n blocks, oldest
 * first, and after them perhaps the mean patch token of the last block, all normed. That is the order of
 * DINOv2 (dinov2/hub/classifiers.py), of transformers' ForImageClassification and of the authors; timm's
 * reads the class token, or the mean patch token alone. The authors' heads of two views have all that of the
 * frontal image, then of the lateral. A package's own says it in its file.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_HEAD_FEATURES_H
#define CXRD_ENGINE_CHECKPOINT_HEAD_FEATURES_H

#include "engine/checkpoint/config.h"
#include "engine/checkpoint/head_form.h"
#include "engine/checkpoint/import.h"
#include "engine/package/card.h"

/* `blocks` is 0 where the mean patch token is all that is read. */
struct head_features {
    uint32_t blocks;
    bool average_pool, two_views;
};

/* Where a head came from, and what was said beside its weights. */
struct head_source {
    enum head_form form;
    const char *candidate; /* empty where it has no name */
    enum config_pooling pooling;
    bool convolution; /* over the patches, as it seems, and what was pooled behind it nothing says */
    const struct head_features *said; /* by the file; NULL: nothing */
};

/* Of a head with `inputs` inputs on a backbone. Its file says it, or a candidate's name, or timm's
 * configuration, or else the form does where its kind of head, of one view, is published with so many; where
 * several readings are left, features=, blocks= and views= of `asked` choose. It is one of two views where
 * the name says half of the inputs, or one image cannot give so many, or `asked` says so. Fails with
 * INVALID_FILE when the inputs do not fit the backbone or the candidate's name, or the configuration pools in
 * another way, with BAD_REQUEST, listing the readings, when they must be chosen or what was chosen is none,
 * or not what is said. */
WARN_UNUSED enum status head_features_choose(size_t inputs, const struct backbone_card *backbone,
                                             const struct head_source *source,
                                             const struct import_head *asked, struct failure *failure,
                                             struct head_features *out);

#endif
