/* A configuration held against the weights that it lies beside: they belong together, or one of them is
 * another network's. */
#ifndef CXRD_ENGINE_CHECKPOINT_AGREEMENT_H
#define CXRD_ENGINE_CHECKPOINT_AGREEMENT_H

#include "engine/checkpoint/config.h"
#include "engine/checkpoint/selection.h"
#include "engine/package/card.h"

/* `card`: as the shapes of the selected tensors say. Fails with INVALID_FILE and a sentence that names what
 * the configuration says and what the weights are. What it does not say is not asked. */
WARN_UNUSED enum status agreement_check(const struct config *config, const struct backbone_card *card,
                                        const struct selection *selection, struct failure *failure);

#endif
