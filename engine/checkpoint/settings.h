/* What a checkpoint keeps of its training's settings beside the weights ("hyper_parameters", "config"): they
 * are not followed, and must not contradict what is imported. */
#ifndef CXRD_ENGINE_CHECKPOINT_SETTINGS_H
#define CXRD_ENGINE_CHECKPOINT_SETTINGS_H

#include "engine/checkpoint/selection.h"
#include "engine/checkpoint/state.h"
#include "engine/package/card.h"

/* Holds the plain data that lie there under the names of a configuration's keys (config.h) against the
 * network. `chosen`: a configuration was given for it, which goes before what shapes do not show. Fails with
 * INVALID_FILE and a sentence that names the settings and the key. */
WARN_UNUSED enum status settings_check(const struct state *place, const struct backbone_card *card,
                                       const struct selection *selection, bool chosen,
                                       struct failure *failure);

#endif
