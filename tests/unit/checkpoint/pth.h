/* Makes .pth files for tests, byte by byte: what torch.save would write, and what it never would. */
#ifndef CXRD_TESTS_UNIT_CHECKPOINT_PTH_H
#define CXRD_TESTS_UNIT_CHECKPOINT_PTH_H

#include "engine/base/memory.h"

/* An entry of a zip archive. */
struct zip_entry {
    const char *name;
    struct bytes content;
    bool deflated; /* in one block that stores */
    bool damaged;  /* the content differs from its checksum */
};

/* The archive, its sizes in zip64 records when asked for; the caller finishes *out. */
void zip_build(const struct zip_entry *entries, size_t count, bool zip64, struct buffer *out);

/* A state dict under a wrapper, tensor by tensor. */
struct pth {
    struct arena *arena; /* names and contents */
    struct buffer pickle;
    struct zip_entry entries[128];
    size_t count;
    const char *wrapper;
};

/* {wrapper: {...}}, or {...} when NULL. */
void pth_begin(struct pth *pth, const char *wrapper);
/* Ends the dict under the wrapper, which must be there, and begins another beside it. */
void pth_beside(struct pth *pth, const char *name);
/* A float32 tensor; element i is pth_value(i) * scale. */
void pth_tensor(struct pth *pth, const char *name, size_t rank, const size_t *shape, float scale);
/* A float32 tensor of which the file has no byte, however large it says that it is. */
void pth_claim(struct pth *pth, const char *name, size_t rank, const size_t *shape);
float pth_value(size_t i);
/* A member of the dict whose key and value are pickled already. */
void pth_member(struct pth *pth, struct bytes member);
/* Writes the file and frees all. */
void pth_end(struct pth *pth, const char *path);

/* Pieces of a pickle. */
void pickle_bytes(struct buffer *pickle, const char *data, size_t size);
void pickle_text(struct buffer *pickle, const char *text);
void pickle_integer(struct buffer *pickle, int32_t integer);
/* A view of a storage, as torch._utils._rebuild_tensor_v2 takes it. */
void pickle_tensor(struct buffer *pickle, const char *storage_class, const char *key, size_t elements,
                   size_t offset, size_t rank, const size_t *shape, const size_t *strides);

/* The file's bytes at `path`. */
void file_put(const char *path, const void *data, size_t size);

#endif
