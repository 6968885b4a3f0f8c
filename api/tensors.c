#include "api/tensors.h"

#include "api/rank.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are sent as they lie in memory");

static const char *const kind_names[TENSOR_KINDS] = {"probabilities",   "logits",         "attention",
                                                     "embedding.class", "embedding.mean", "embedding.patch"};

static void add_embeddings(struct tensor_list *list, const struct backbone_card *backbone, size_t images)
{
    size_t patches = backbone_patches(backbone), width = backbone->width;
    for (enum tensor_kind kind = TENSOR_CLASS; kind <= TENSOR_PATCH; kind++) {
        struct tensor *tensor = &list->items[list->count++];
        *tensor = (struct tensor){.name = kind_names[kind],
                                  .kind = kind,
                                  .shape = {images, width},
                                  .dimensions = 2,
                                  .values = width};
        if (kind != TENSOR_PATCH)
            continue;
        tensor->shape[1] = patches;
        tensor->shape[2] = width;
        tensor->dimensions = 3;
        tensor->values = patches * width;
    }
}

struct tensor_list tensors_of(struct arena *arena, const struct model_card *card, size_t images)
{
    size_t rows = backbone_rows(&card->backbone), columns = backbone_columns(&card->backbone);
    size_t most = (card->head_count + 1) * 3;
    struct tensor_list list = {arena_allocate(arena, most, sizeof *list.items), 0};
    for (size_t i = 0; i < card->head_count; i++)
        for (enum tensor_kind kind = 0; kind <= TENSOR_ATTENTION && card->heads[i].kind != HEAD_QUALITY;
             kind++) {
            const struct head_card *head = &card->heads[i];
            bool map = kind == TENSOR_ATTENTION;
            if (map && head->type != HEAD_GLORI)
                continue;
            list.items[list.count++] = (struct tensor){
                .name = arena_format(arena, "%s.%s", head->name, kind_names[kind]),
                .kind = kind,
                .head = i,
                .shape = {images, head->label_count, rows, columns},
                .dimensions = map ? 4 : 2,
                .values = head->label_count * (map ? rows * columns : 1),
            };
        }
    add_embeddings(&list, &card->backbone, images);
    return list;
}

void tensor_classify(struct tensor *tensor, size_t count)
{
    tensor->classes = count < tensor->values ? count : tensor->values;
    tensor->shape[1] = tensor->classes;
}

struct json *tensor_json(const struct tensor *tensor)
{
    struct json *object = json_object();
    json_add_text(object, "name", tensor->name);
    json_add_text(object, "datatype", tensor->classes ? "BYTES" : "FP32");
    struct json *shape = json_add(object, "shape", json_array());
    for (size_t i = 0; i < tensor->dimensions; i++)
        json_append_number(shape, i || tensor->shape[0] ? (double)tensor->shape[i] : -1);
    return object;
}

/* Where one image's values of a tensor are. */
static const float *source_of(const struct tensor *tensor, const struct prediction *prediction)
{
    const struct head_prediction *head = &prediction->heads[tensor->head];
    switch (tensor->kind) {
    case TENSOR_PROBABILITIES:
        return head->probabilities;
    case TENSOR_LOGITS:
        return head->logits;
    case TENSOR_ATTENTION:
        return head->attention;
    case TENSOR_CLASS:
        return prediction->embedding.class_token;
    case TENSOR_MEAN:
        return prediction->embedding.mean;
    default:
        return prediction->embedding.patches;
    }
}

static void classify(struct arena *arena, const struct tensor *tensor, const struct prediction *prediction,
                     const char **classes)
{
    const float *values = source_of(tensor, prediction);
    const struct label *labels = prediction->heads[tensor->head].head->labels;
    struct ranked *ranked = memory_allocate(tensor->values, sizeof *ranked);
    for (size_t i = 0; i < tensor->values; i++)
        ranked[i] = (struct ranked){values[i], i};
    rank(ranked, tensor->values);
    for (size_t i = 0; i < tensor->classes; i++)
        classes[i] = arena_format(arena, "%f:%zu:%s", (double)ranked[i].value, ranked[i].index,
                                  labels[ranked[i].index].name);
    free(ranked);
}

enum status tensor_data(struct arena *arena, const struct tensor *tensor,
                        const struct prediction *predictions, struct failure *failure,
                        struct tensor_data *out)
{
    enum { CLASS_BYTES = 256 }; /* with its JSON */
    size_t images = tensor->shape[0], row = tensor->classes ? tensor->classes : tensor->values;
    struct tensor_data data = {.tensor = tensor, .predictions = predictions, .count = images * row};
    if (tensor->classes) {
        enum status status = arena_charge(arena, data.count * CLASS_BYTES, failure);
        if (status)
            return status;
        data.classes = arena_allocate(arena, data.count, sizeof *data.classes);
        for (size_t i = 0; i < images; i++)
            classify(arena, tensor, &predictions[i], data.classes + i * row);
    }
    *out = data;
    return STATUS_OK;
}

enum status tensor_data_json(struct arena *arena, const struct tensor_data *data, struct failure *failure,
                             struct json **out)
{
    if (data->classes) {
        *out = json_array();
        for (size_t i = 0; i < data->count; i++)
            json_append(*out, json_text_borrowed(data->classes[i]));
        return STATUS_OK;
    }
    void *text = NULL, *values = NULL;
    enum status status = arena_take(arena, data->count * sizeof(float), failure, &values);
    if (!status)
        status = arena_take(arena, JSON_FLOATS_BYTES(data->count), failure, &text);
    if (status)
        return status;
    tensor_data_write(data, values);
    json_print_floats(values, data->count, text);
    *out = json_printed_borrowed(text);
    return STATUS_OK;
}

size_t tensor_data_bytes(const struct tensor_data *data)
{
    size_t bytes = data->count * sizeof(float);
    if (!data->classes)
        return bytes;
    for (size_t i = 0; i < data->count; i++) /* a length stands before each */
        bytes += strlen(data->classes[i]);
    return bytes;
}

void tensor_data_write(const struct tensor_data *data, uint8_t *out)
{
    const struct tensor *tensor = data->tensor;
    size_t row = tensor->values * sizeof(float);
    for (size_t i = 0; !data->classes && i < tensor->shape[0]; i++)
        memcpy(out + i * row, source_of(tensor, &data->predictions[i]), row);
    for (size_t i = 0; data->classes && i < data->count; i++) {
        uint32_t length = (uint32_t)strlen(data->classes[i]);
        memcpy(out, &length, sizeof length);
        memcpy(out + sizeof length, data->classes[i], length);
        out += sizeof length + length;
    }
}
