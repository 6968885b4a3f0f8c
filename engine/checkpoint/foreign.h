/* Tensors that this program has no use for: which other network, layout or part they are of. */
#ifndef CXRD_ENGINE_CHECKPOINT_FOREIGN_H
#define CXRD_ENGINE_CHECKPOINT_FOREIGN_H

#include "engine/base/status.h"
#include "engine/checkpoint/value.h"

/* What lies in a state dict under a key that is no name of the network's. Fails with INVALID_FILE when it may
 * be a tensor: the sentence names it and what it belongs to, the known name that is nearest to it, or what it
 * is. `name`: of a key that is a text, as the sentence has it. */
WARN_UNUSED enum status foreign_value(const struct value *key, const char *name, const struct value *value,
                                      bool of_backbone, struct failure *failure);

#endif
