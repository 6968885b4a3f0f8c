/* What a checkpoint says beside a head's weights of what its outputs are called. */
#ifndef CXRD_ENGINE_CHECKPOINT_HEAD_CLASSES_H
#define CXRD_ENGINE_CHECKPOINT_HEAD_CLASSES_H

#include "engine/checkpoint/labels.h"
#include "engine/checkpoint/state.h"

/* Reads a list of `count` names ("classes", "class_names", ...), or the names by their numbers or the numbers
 * by their names ("idx_to_class", "class_to_idx"), from the dicts that the state dict lies in and the
 * settings within them. Returns the member's name, and *out, which the caller finishes; NULL: there is none.
 */
const char *head_classes_read(const struct state *place, size_t count, struct label_list *out);

#endif
