#include "api/tensors.h"

#include <string.h>

static const char *const kind_names[TENSOR_KINDS] = {"probabilities", "logits", "attention"};

struct tensor_list tensors_of(struct arena *arena, const struct model_card *card, size_t images)
{
    size_t grid = backbone_grid(&card->backbone);
    struct tensor_list list = {arena_allocate(arena, card->head_count * TENSOR_KINDS, sizeof *list.items), 0};
    for (size_t i = 0; i < card->head_count; i++)
        for (enum tensor_kind kind = 0; kind < TENSOR_KINDS; kind++) {
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

float *tensor_values(const struct tensor *tensor, const struct prediction *predictions)
{
    float *values = memory_allocate(tensor->shape[0] * tensor->values, sizeof *values);
    for (size_t i = 0; i < tensor->shape[0]; i++) {
        const struct head_prediction *head = &predictions[i].heads[tensor->head];
        const float *source = tensor->kind == TENSOR_LOGITS          ? head->logits
                              : tensor->kind == TENSOR_PROBABILITIES ? head->probabilities
                                                                     : head->attention;
        memcpy(values + i * tensor->values, source, tensor->values * sizeof *values);
    }
    return values;
}
