/* Which tensors of a checkpoint are a head's. */
#ifndef CXRD_ENGINE_CHECKPOINT_HEAD_SELECT_H
#define CXRD_ENGINE_CHECKPOINT_HEAD_SELECT_H

#include "engine/checkpoint/import_head.h"

/* Selects the tensors of the candidate that is asked for, or was the best, or is the only one, and fills what
 * `head` says of it. Fails with INVALID_FILE: when there is none, or several that are not told apart; when a
 * tensor may be of the head and is not known, which the sentence names. */
WARN_UNUSED enum status head_select(struct head_import *head, struct failure *failure);

#endif
