/* A tensor as a file describes it: a name, an element type, a shape and the bytes, little-endian and
 * row-major.
 *
 * The bytes may lie at any address: read them through tensor_to_float, or with memcpy.
 */
#ifndef CXRD_ENGINE_WEIGHTS_TENSOR_H
#define CXRD_ENGINE_WEIGHTS_TENSOR_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* X(name as safetensors writes it, bytes an element, is a float this program reads) */
#define TENSOR_TYPE_TABLE(X) \
    X(F32, 4, true)          \
    X(F16, 2, true)          \
    X(BF16, 2, true)         \
    X(F64, 8, true)          \
    X(F8_E4M3, 1, false)     \
    X(F8_E5M2, 1, false)     \
    X(I64, 8, false)         \
    X(I32, 4, false)         \
    X(I16, 2, false)         \
    X(I8, 1, false)          \
    X(U64, 8, false)         \
    X(U32, 4, false)         \
    X(U16, 2, false)         \
    X(U8, 1, false)          \
    X(BOOL, 1, false)

enum tensor_type {
#define TENSOR_TYPE_ENUM(name, bytes, is_float) TENSOR_##name,
    TENSOR_TYPE_TABLE(TENSOR_TYPE_ENUM)
#undef TENSOR_TYPE_ENUM
        TENSOR_TYPE_COUNT
};

enum {
    TENSOR_RANK_MAX = 8,
    TENSOR_NAME_BYTES = 160, /* what a name of this program's own takes at most, with its zero */
    TENSOR_SHAPE_TEXT_BYTES = TENSOR_RANK_MAX * 22 + 3
};

struct tensor {
    const char *name;
    enum tensor_type type;
    size_t rank;
    size_t shape[TENSOR_RANK_MAX];
    const void *data; /* any alignment */
    size_t size_bytes;
};

const char *tensor_type_name(enum tensor_type type); /* "F32" */
size_t tensor_type_bytes(enum tensor_type type);
bool tensor_type_is_float(enum tensor_type type);
/* Of sentences about a tensor of another type. */
#define TENSOR_FLOATS "floats of 16, 32 or 64 bits"
/* False when no type has that name. */
bool tensor_type_from_name(const char *name, enum tensor_type *out);

/* The product of the shape; false when it does not fit. A rank of 0 is one element. */
bool tensor_element_count(const struct tensor *tensor, size_t *out);

/* Writes "[1, 257, 384]" into `text`, which it also returns. */
const char *tensor_shape_text(size_t rank, const size_t *shape, char text[TENSOR_SHAPE_TEXT_BYTES]);

/* The same of a shape that is wanted, in which a 0 stands for any size and is written "?". */
const char *tensor_pattern_text(size_t rank, const size_t *shape, char text[TENSOR_SHAPE_TEXT_BYTES]);

/* Checks that the tensor of that name is there (not NULL), is of floats and has this shape; a 0 accepts any
 * size but 0. Fails with INVALID_FILE and a sentence that names the tensor, what is needed and what was
 * found. */
WARN_UNUSED enum status tensor_check(const struct tensor *tensor, const char *name, size_t rank,
                                     const size_t *shape, struct failure *failure);

/* Converts all elements of a tensor of a float type to float32, round to nearest even; out has as many floats
 * as the tensor has elements. F16 and BF16 convert exactly. */
void tensor_to_float(const struct tensor *tensor, float *out);

#endif
