/* What a pickle may hold here: plain data, tensors, and inert nodes in place of everything else.
 *
 * Values live in the arena they were built in and are read-only once built. They may refer to one another in
 * circles, so whoever walks them bounds the walk.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_VALUE_H
#define CXRD_ENGINE_CHECKPOINT_VALUE_H

#include "engine/weights/tensor.h"

#include <stdbool.h>
#include <stdint.h>

enum value_kind {
    VALUE_NONE,
    VALUE_BOOLEAN,
    VALUE_INTEGER,
    VALUE_NUMBER,
    VALUE_TEXT, /* also bytes */
    VALUE_TUPLE,
    VALUE_LIST,
    VALUE_DICT,
    VALUE_GLOBAL,  /* a name, not yet called; nothing is ever looked up */
    VALUE_STORAGE, /* the elements of tensors, in an entry of the archive */
    VALUE_TENSOR,
    VALUE_INERT,  /* stands for an object this program does not build */
    VALUE_MODULE, /* the same, of a class of torch.nn.Module */
    VALUE_UNREAD  /* a tensor that this program does not read: sparse, quantised, float8, ... */
};

/* A view of a storage. Strides and offset count elements; the view was checked to lie in the storage. */
struct stored_tensor {
    enum tensor_type type;
    size_t rank;
    size_t shape[TENSOR_RANK_MAX], strides[TENSOR_RANK_MAX];
    size_t offset;
    size_t elements;         /* product of the shape, at most storage_elements */
    const char *storage_key; /* the entry "data/<key>" of the archive */
    size_t storage_elements;
    const uint8_t *data; /* of a safetensors file: where the storage lies; NULL: in the archive */
    size_t source;       /* which of the checkpoint's files it is of */
};

struct value {
    enum value_kind kind;
    bool keeps_tensors; /* one was given to this object, or put into this container, and is not looked for */
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct {
            const char *data; /* a zero follows */
            size_t length;
        } text;
        struct {
            struct value **items; /* of a dict: key, value, key, value... */
            size_t count, capacity;
        } sequence;
        const char *name; /* VALUE_GLOBAL: "module.name"; VALUE_INERT, VALUE_MODULE: the global it came
                             from; VALUE_UNREAD: what it is of */
        struct {
            enum tensor_type type;
            const char *key;
            size_t elements;
        } storage;
        const struct stored_tensor *tensor;
    };
};

/* The dict's value under a text key (the last one, as in Python), or NULL; NULL too when it is no dict. */
const struct value *value_member(const struct value *dict, const char *key);

/* Whether the value itself is a tensor, read or not, or an object that may have some inside. Containers are
 * for whoever walks them. */
bool value_is_tensor(const struct value *value);

/* Whether a dict's key is a text that C's functions take whole. */
bool value_is_name(const struct value *key);

/* "a dict", "the result of os.system", ...: for the sentences of failures, which escape what must not be
 * shown. Writes into `text`, which it also returns. */
const char *value_describe(const struct value *value, char *text, size_t size);
/* A dict's key, as text: what it says, or what it is. The same. */
const char *value_key(const struct value *key, char *text, size_t size);

/* Calls `visit` for every tensor of the tree with its path ("model.norm.weight"), in order. The walk is
 * bounded in depth and in the number of values, as the tree may hold circles: false when it was cut. */
bool value_walk(const struct value *value,
                void (*visit)(void *context, const char *path, const struct stored_tensor *tensor),
                void *context);

#endif
