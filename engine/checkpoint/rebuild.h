/* The allow-list: what the names in a pickle mean here. Nothing else has a meaning. */
#ifndef CXRD_ENGINE_CHECKPOINT_REBUILD_H
#define CXRD_ENGINE_CHECKPOINT_REBUILD_H

#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/checkpoint/value.h"

/* What calling `callable` with the tuple `arguments` gives: a tensor for torch's rebuild functions, a dict
 * for collections.OrderedDict, a tensor that is not read for torch's other ways to make one, an inert node
 * for any other name. Filled into *out, whose memory is the caller's; a tensor's description is taken from
 * `arena`, and nothing else. Fails with INVALID_FILE when a tensor's arguments are not a tensor's. */
WARN_UNUSED enum status rebuild_call(const struct value *callable, const struct value *arguments,
                                     struct arena *arena, struct failure *failure, struct value *out);

/* What a persistent id stands for: ('storage', torch.FloatStorage, key, location, elements). A storage of an
 * unknown class is inert. Fails with INVALID_FILE when the id is not of that form. */
WARN_UNUSED enum status rebuild_storage(const struct value *id, struct failure *failure, struct value *out);

#endif
