/* Studies of several images: what their answers are together.
 *
 * A head of two views is linear: its logits are (V frontal + b) + U lateral (engine/model/linear.h). The
 * device computes both halves of every image, and the halves of a pair are added here, in float64 and rounded
 * to float32 once, so that neither the pair's company in a batch nor how it was spread over batches or
 * devices matters.
 */
#ifndef CXRD_ENGINE_STUDY_H
#define CXRD_ENGINE_STUDY_H

#include "engine/engine.h"
#include "engine/model/queue.h"

/* Makes `frontal` the answer of its study and releases `lateral`, which is NULL unless `pairing` is
 * PAIRING_VIEWS: of heads of two views [2 labels] become [labels], or NULL with PAIRING_NONE. The rest stays
 * the frontal's; times are the longer ones, and where the lateral has a number that is not finite the device
 * is its own. */
void study_merge(const struct model_card *card, enum pairing pairing, struct answer *frontal,
                 struct answer *lateral);

/* The warnings that matter of a study's image: where a request calls it lateral, nobody is told that it is
 * one, or that its file does not say which view it is, but that its file calls it frontal. */
uint32_t study_warnings(enum pairing pairing, bool lateral, const struct image_info *info);

/* Says in the failure of a study's image which view that is. */
enum status study_blame(enum pairing pairing, bool lateral, struct failure *failure);

#endif
