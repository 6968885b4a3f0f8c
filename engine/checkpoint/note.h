/* What whoever imports a model should know: sentences, one after another. */
#ifndef CXRD_ENGINE_CHECKPOINT_NOTE_H
#define CXRD_ENGINE_CHECKPOINT_NOTE_H

#include "engine/base/status.h"

#include <stddef.h>

enum { IMPORT_NOTE_BYTES = 2048 }; /* more than all the sentences that there are */

/* Adds a sentence that is not there yet, behind a space where it is not the first. Names of the file in it
 * are made plain. */
void note_add(char note[IMPORT_NOTE_BYTES], const char *format, ...) PRINTF_LIKE(2, 3);

/* The sentence on tensors of losses and metrics that are left out, of which `first` is one; none of none. */
void note_add_losses(char note[IMPORT_NOTE_BYTES], size_t count, const char *first);

#endif
