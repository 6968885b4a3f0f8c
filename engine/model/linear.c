#include "engine/model/linear.h"

#include "engine/base/memory.h"

#include <stdlib.h>
#include <string.h>

/* [C][2][features] to [2][C][features]; NULL after a failure. The caller frees it. */
static float *part_views(const float *weights, size_t classes, size_t features)
{
    if (!weights)
        return NULL;
    float *parted = memory_allocate(2 * classes, features * sizeof *parted);
    for (size_t row = 0; row < 2 * classes; row++)
        memcpy(parted + (row % 2 * classes + row / 2) * features, weights + row * features,
               features * sizeof *parted);
    return parted;
}

/* Reads the weights as linear_record wants them; NULL after a failure. */
static float *read_weights(struct loader *loader, const struct head_card *card, size_t features)
{
    const size_t classes = card->label_count, views = card->two_views ? 2 : 1;
    float *weights = loader_read(loader, classes, views * features, "linear.weight");
    if (!card->two_views)
        return weights;
    float *parted = part_views(weights, classes, features);
    free(weights);
    return parted;
}

/* As the lateral an image adds no bias: the frontal has. */
static float *read_bias(struct loader *loader, const struct head_card *card)
{
    float *bias = loader_read(loader, card->label_count, 0, "linear.bias");
    if (!bias || !card->two_views)
        return bias;
    bias = memory_resize(bias, head_outputs(card), sizeof *bias);
    memset(bias + card->label_count, 0, card->label_count * sizeof *bias);
    return bias;
}

void linear_load(struct loader *loader, const struct shape *shape, const struct head_card *card,
                 struct linear *linear)
{
    *linear = (struct linear){
        .blocks = card->blocks, .outputs = (uint32_t)head_outputs(card), .average_pool = card->average_pool};
    size_t features = (size_t)(card->blocks + (card->average_pool ? 1 : 0)) * shape->width;
    float *weights = read_weights(loader, card, features), *bias = read_bias(loader, card);
    linear->weights = loader_floats(loader, weights, linear->outputs * features);
    linear->bias = loader_floats(loader, bias, linear->outputs);
    free(bias);
    free(weights);
}

void linear_record(const struct linear *linear, const struct kernels *kernels, const struct head_input *input,
                   const struct head_output *output, uint32_t batch, struct gpu_recorder *recorder)
{
    const struct shape *shape = input->shape;
    logits_record(kernels, recorder, "linear logits",
                  &(struct logits_params){.first = head_classes(input, linear->blocks),
                                          .second = linear->average_pool ? input->mean.address : 0,
                                          .weights = linear->weights,
                                          .bias = linear->bias,
                                          .out = output->logits.address,
                                          .batch = batch,
                                          .classes = linear->outputs,
                                          .first_count = linear->blocks * shape->width,
                                          .first_stride = shape->feature_blocks * shape->width,
                                          .second_count = linear->average_pool ? shape->width : 0,
                                          .per_class = 0});
}
