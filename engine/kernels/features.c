#include <assert.h>

#include "engine/kernels/set.h"

void features_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                     const struct features_params *params)
{
    assert(params->width % PANEL == 0 && params->width <= NORM_WIDTH_MAX);
    assert(params->prefix_rows >= 1 && params->prefix_rows <= params->tokens);
    assert(params->class_offset + params->width <= params->class_stride);
    gpu_record_dispatch(recorder, kernels->features, label, params,
                        divide_up(params->batch * params->tokens, NORM_ROWS), 1, 1);
}
