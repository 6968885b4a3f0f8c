/* What a model gives as tensors of the Open Inference Protocol: for each head HEAD.probabilities and
 * HEAD.logits, FP32 [images, labels], and for a GLoRI head HEAD.attention, FP32 [images, labels, rows,
 * columns], labels in the order of the head; of the backbone embedding.class and embedding.mean, FP32
 * [images, width], and embedding.patch, FP32 [images, patches, width].
 */
#ifndef CXRD_API_TENSORS_H
#define CXRD_API_TENSORS_H

#include "engine/base/json.h"
#include "engine/engine.h"

/* From TENSOR_ATTENTION on only given to who names them. */
enum tensor_kind {
    TENSOR_PROBABILITIES,
    TENSOR_LOGITS,
    TENSOR_ATTENTION,
    TENSOR_CLASS,
    TENSOR_MEAN,
    TENSOR_PATCH,
    TENSOR_KINDS
};
enum {
    TENSOR_DIMENSIONS_MAX = 4,
    TENSOR_VALUES_MAX = 8 << 20,     /* of one answer */
    TENSOR_JSON_VALUES_MAX = 1 << 20 /* of them as JSON, which takes twenty times the room */
};

struct tensor {
    const char *name;
    enum tensor_kind kind;
    size_t head;                         /* up to TENSOR_ATTENTION */
    size_t shape[TENSOR_DIMENSIONS_MAX]; /* the first is the number of images */
    size_t dimensions;
    size_t values; /* of one image */
    bool binary;   /* behind the JSON instead of in it */
};

struct tensor_list {
    struct tensor *items;
    size_t count;
};

/* All tensors of a model for `images` images, in the order of its heads, then those of the backbone. */
struct tensor_list tensors_of(struct arena *arena, const struct model_card *card, size_t images);

/* {"name", "datatype", "shape"}, with -1 for the number of images when it is 0. */
struct json *tensor_json(const struct tensor *tensor);

/* The tensor's values out of the predictions of all its images, row by row, in memory the caller frees. */
float *tensor_values(const struct tensor *tensor, const struct prediction *predictions);

#endif
