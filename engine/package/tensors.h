/* Which tensors a network is made of, by its card: each one is there in its shape, and nothing else is.
 *
 * The second half matters as much as the first: a tensor that nothing uses means that the card describes
 * another network than the one that was trained, whose answers would be wrong without a word.
 */
#ifndef CXRD_ENGINE_PACKAGE_TENSORS_H
#define CXRD_ENGINE_PACKAGE_TENSORS_H

#include "engine/base/status.h"
#include "engine/package/card.h"
#include "engine/weights/tensor.h"

/* Checks the backbone's tensors (names, types and shapes; data may be NULL). Biases and LayerScale may be
 * absent, from all blocks at once. Fails with INVALID_FILE and a sentence that names the tensor. */
WARN_UNUSED enum status backbone_check(const struct backbone_card *card, const struct tensor *tensors,
                                       size_t count, struct failure *failure);

/* The same of a head on a backbone of this width. A GLoRI head's own sizes are read off its tensors. */
WARN_UNUSED enum status head_check(const struct head_card *card, uint32_t width, const struct tensor *tensors,
                                   size_t count, struct failure *failure);

/* The names of a GLoRI head's tensors, NULL behind the last. */
const char *glori_tensor_name(size_t i);

#endif
