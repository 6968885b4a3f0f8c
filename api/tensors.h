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
    size_t values;  /* of one image */
    bool binary;    /* behind the JSON instead of in it */
    size_t classes; /* given instead of the values: so many of the highest; 0: the values */
};

struct tensor_list {
    struct tensor *items;
    size_t count;
};

/* All tensors of a model for `images` images, in the order of its heads, then those of the backbone. */
struct tensor_list tensors_of(struct arena *arena, const struct model_card *card, size_t images);

/* Has a tensor of one value for each label give its `count` highest, at most all, instead. */
void tensor_classify(struct tensor *tensor, size_t count);

/* {"name", "datatype", "shape"}, with -1 for the number of images when it is 0. */
struct json *tensor_json(const struct tensor *tensor);

/* What a tensor of all its images gives: FP32 values, or BYTES elements, row by row. */
struct tensor_data {
    const struct tensor *tensor;
    const struct prediction *predictions;
    const char **classes; /* "VALUE:INDEX:LABEL", as Triton has it; NULL: the values are in the predictions */
    size_t count;         /* of all images: values, or classes */
};
/* Fails as arena_charge. */
WARN_UNUSED enum status tensor_data(struct arena *arena, const struct tensor *tensor,
                                    const struct prediction *predictions, struct failure *failure,
                                    struct tensor_data *out);
/* As an array. Fails as arena_take; lives no longer than the arena. */
WARN_UNUSED enum status tensor_data_json(struct arena *arena, const struct tensor_data *data,
                                         struct failure *failure, struct json **out);
/* As the protocol's binary extension has it. */
size_t tensor_data_bytes(const struct tensor_data *data);
void tensor_data_write(const struct tensor_data *data, uint8_t *out);

#endif
