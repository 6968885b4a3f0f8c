/* The tensors of a checkpoint that go into one weight file of a package, under the package's names. */
#ifndef CXRD_ENGINE_CHECKPOINT_SELECTION_H
#define CXRD_ENGINE_CHECKPOINT_SELECTION_H

#include "engine/base/status.h"
#include "engine/checkpoint/value.h"

struct selected {
    char *name;
    const struct stored_tensor *source;
};

struct selection {
    struct selected *items;
    size_t count, capacity;
};

/* Adds `value` under a name. Fails with INVALID_FILE when it is not a tensor of floats, or the name was
 * added before. */
WARN_UNUSED enum status selection_add(struct selection *selection, const char *name,
                                      const struct value *value, struct failure *failure);
void selection_finish(struct selection *selection);

/* The selected tensors' names, types and shapes, without data, parallel to the items; the caller frees the
 * array, the names stay the selection's. */
struct tensor *selection_tensors(const struct selection *selection);

/* The tensor of that name, or NULL. */
const struct stored_tensor *selection_find(const struct selection *selection, const char *name);

/* Checks that the tensor of the formatted name is there and has this shape; a 0 accepts any size but 0. Fails
 * with INVALID_FILE and a sentence that names the tensor, what was wanted and what was found. `out` may be
 * NULL. */
WARN_UNUSED enum status selection_require(const struct selection *selection, size_t rank, const size_t *shape,
                                          struct failure *failure, const struct stored_tensor **out,
                                          const char *format, ...) PRINTF_LIKE(6, 7);

#endif
