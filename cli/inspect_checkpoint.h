/* A checkpoint as cxrd inspect shows it. */
#ifndef CXRD_CLI_INSPECT_CHECKPOINT_H
#define CXRD_CLI_INSPECT_CHECKPOINT_H

#include "engine/base/status.h"

/* Prints its tensors, what an import would make of it, what is in the way, and the line that imports it.
 * Fails where it cannot be read (checkpoint_open, checkpoint_state); the sentence names the path. */
WARN_UNUSED enum status inspect_checkpoint(const char *path, struct failure *failure);

#endif
