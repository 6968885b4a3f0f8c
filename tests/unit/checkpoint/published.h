/* A small backbone in the layouts of names that it may be published in, as safetensors files. Every value
 * follows from the package's own name of its tensor, so whatever layout is imported, the same package must
 * come out. */
#ifndef CXRD_TESTS_UNIT_CHECKPOINT_PUBLISHED_H
#define CXRD_TESTS_UNIT_CHECKPOINT_PUBLISHED_H

#include "engine/base/memory.h"
#include "engine/weights/safetensors.h"

enum {
    PUBLISHED_WIDTH = 64,
    PUBLISHED_DEPTH = 2,
    PUBLISHED_PATCH = 14,
    PUBLISHED_GRID = 3,
    PUBLISHED_HIDDEN = 128
};
enum { PUBLISHED_TENSORS_MAX = 128 };

struct published {
    struct arena *arena;
    struct tensor tensors[PUBLISHED_TENSORS_MAX];
    size_t count;
};

enum published_layout {
    PUBLISHED_DINOV2,
    PUBLISHED_CHUNKS,
    PUBLISHED_OLD,   /* transformers' */
    PUBLISHED_NEWER, /* ... since version 5 */
    PUBLISHED_TIMM
};

struct published_form {
    enum published_layout layout;
    size_t registers;
    bool gated;         /* SwiGLU */
    const char *prefix; /* of every name */
};

/* Element i of the package's tensor of that name. */
float published_value(const char *name, size_t i);

void published_begin(struct published *published);
/* A float32 tensor whose elements are those of the package's tensor `ours` from `offset` on. */
void published_add(struct published *published, const char *name, const char *ours, size_t offset,
                   size_t rank, const size_t *shape);
/* All of the network. */
void published_network(struct published *published, const struct published_form *form);
/* Writes the tensors from the first-th on, `count` of them; published_end frees all. */
void published_write(const struct published *published, size_t first, size_t count, const char *path);
void published_end(struct published *published);

#endif
