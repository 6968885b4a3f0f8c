/* Tensors that this program has no use for: which other network, layout or part they are of. */
#ifndef CXRD_ENGINE_CHECKPOINT_FOREIGN_H
#define CXRD_ENGINE_CHECKPOINT_FOREIGN_H

#include "engine/base/status.h"

#include <stdbool.h>

/* Sets INVALID_FILE with a sentence that names the tensor and what it belongs to, or the known name that is
 * nearest to it. `key`: as the file has it. */
enum status foreign_tensor(const char *key, bool of_backbone, struct failure *failure);

#endif
