/* The tensors of a checkpoint that go into one weight file of a package, under the package's names.
 *
 * Most are one tensor of the checkpoint as it is. Some are made of several: rows one after another (query,
 * key and value), rows of zeros, a matrix with the product of a LoRA adapter added. All are read as floats,
 * so whoever writes them need not know which is which.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_SELECTION_H
#define CXRD_ENGINE_CHECKPOINT_SELECTION_H

#include "engine/base/status.h"
#include "engine/checkpoint/checkpoint.h"

/* Of a ViT with 128 blocks, many times over: what is looked for in a list must not be looked for long. */
enum { SELECTION_ITEMS_MAX = 8192, SELECTION_PIECES_MAX = 3 };

/* Elements of a selected tensor, row-major, one piece behind the other. */
struct piece {
    const struct stored_tensor *tensor; /* NULL: zeros */
    size_t elements;
    const struct stored_tensor *down, *up; /* LoRA: A [rank, in] and B [out, rank], or both NULL */
    double scale;                          /* of B A, which is added */
};

struct selected {
    char *name;
    const struct stored_tensor *source; /* its type, rank, shape and elements, as a whole */
    struct piece pieces[SELECTION_PIECES_MAX];
    size_t piece_count; /* 0: the source as it is */
    bool stays_float;   /* its small values are too small for float16 (import_weights.h) */
};

struct selection {
    struct selected *items;
    size_t count, capacity;
    struct arena *arena; /* of sources that were made; NULL when none was */
};

/* INVALID_FILE when the value is not a tensor of floats. */
WARN_UNUSED enum status selection_check(const char *name, const struct value *value, struct failure *failure);

/* Adds `value` under a name. Fails with INVALID_FILE when it is not a tensor of floats, the name was added
 * before, or there are over SELECTION_ITEMS_MAX. */
WARN_UNUSED enum status selection_add(struct selection *selection, const char *name,
                                      const struct value *value, struct failure *failure);
/* Adds zeros of this shape under a name that is not there yet. */
void selection_add_zeros(struct selection *selection, const char *name, size_t rank, const size_t *shape);
void selection_finish(struct selection *selection);

/* Makes an item the tensor of this shape that its pieces, already set, have together. */
void selection_compose(struct selection *selection, struct selected *item, size_t rank, const size_t *shape);

/* The selected tensors' names, types and shapes, without data, parallel to the items; the caller frees the
 * array, the names stay the selection's. */
struct tensor *selection_tensors(const struct selection *selection);

/* The item, or the tensor, of that name, or NULL. Of a tensor that is made of several the shape is the
 * whole's: read it through selection_read. */
struct selected *selection_item(const struct selection *selection, const char *name);
const struct stored_tensor *selection_find(const struct selection *selection, const char *name);

/* Checks that the tensor of the formatted name is there and has this shape; a 0 accepts any size but 0. Fails
 * with INVALID_FILE and a sentence that names the tensor, what was wanted and what was found. `out` may be
 * NULL. */
WARN_UNUSED enum status selection_require(const struct selection *selection, size_t rank, const size_t *shape,
                                          struct failure *failure, const struct stored_tensor **out,
                                          const char *format, ...) PRINTF_LIKE(6, 7);

/* Reads an item's elements into out[item->source->elements]; adapters are merged in double precision. Fails
 * as checkpoint_read. */
WARN_UNUSED enum status selection_read(const struct selected *item, struct checkpoint *checkpoint,
                                       struct failure *failure, float *out);

#endif
