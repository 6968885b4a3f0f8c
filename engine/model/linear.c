#include "engine/model/linear.h"

#include <stdlib.h>

void linear_load(struct loader *loader, const struct shape *shape, const struct head_card *card,
                 struct linear *linear)
{
    *linear = (struct linear){
        .blocks = card->blocks, .classes = (uint32_t)card->label_count, .average_pool = card->average_pool};
    size_t features = (size_t)(card->blocks + (card->average_pool ? 1 : 0)) * shape->width;
    float *weights = loader_read(loader, linear->classes, features, "linear.weight");
    float *bias = loader_read(loader, linear->classes, 0, "linear.bias");
    linear->weights = loader_floats(loader, weights, linear->classes * features);
    linear->bias = loader_floats(loader, bias, linear->classes);
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
                                          .classes = linear->classes,
                                          .first_count = linear->blocks * shape->width,
                                          .first_stride = shape->feature_blocks * shape->width,
                                          .second_count = linear->average_pool ? shape->width : 0,
                                          .per_class = 0});
}
