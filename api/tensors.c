#include "api/tensors.h"

#include <string.h>

static const char *const kind_names[TENSOR_KINDS] = {"probabilities",   "logits",         "attention",
                                                     "embedding.class", "embedding.mean", "embedding.patch"};

static void add_embeddings(struct tensor_list *list, const struct backbone_card *backbone, size_t images)
{
    size_t patches = (size_t)backbone_grid(backbone) * backbone_grid(backbone), width = backbone->width;
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
    size_t grid = backbone_grid(&card->backbone), most = (card->head_count + 1) * 3;
    struct tensor_list list = {arena_allocate(arena, most, sizeof *list.items), 0};
    for (size_t i = 0; i < card->head_count; i++)
        for (enum tensor_kind kind = 0; kind <= TENSOR_ATTENTION; kind++) {
            const struct head_card *head = &card->heads[i];
            bool map = kind == TENSOR_ATTENTION;
            if (map && head->type != HEAD_GLORI)
                continue;
            list.items[list.count++] = (struct tensor){
                .name = arena_format(arena, "%s.%s", head->name, kind_names[kind]),
                .kind = kind,
                .head = i,
                .shape = {images, head->label_count, grid, grid},
                .dimensions = map ? 4 : 2,
                .values = head->label_count * (map ? grid * grid : 1),
            };
        }
    add_embeddings(&list, &card->backbone, images);
    return list;
}

struct json *tensor_json(const struct tensor *tensor)
{
    struct json *object = json_object();
    json_add_text(object, "name", tensor->name);
    json_add_text(object, "datatype", "FP32");
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

float *tensor_values(const struct tensor *tensor, const struct prediction *predictions)
{
    float *values = memory_allocate(tensor->shape[0] * tensor->values, sizeof *values);
    for (size_t i = 0; i < tensor->shape[0]; i++)
        memcpy(values + i * tensor->values, source_of(tensor, &predictions[i]),
               tensor->values * sizeof *values);
    return values;
}
