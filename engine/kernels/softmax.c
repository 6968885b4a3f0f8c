#include <assert.h>

#include "engine/kernels/set.h"

void softmax_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                    const struct softmax_params *params)
{
    assert(params->columns % PANEL == 0 && params->classes * GLORI_HEADS <= params->columns);
    assert(params->patches > 0);
    gpu_record_dispatch(recorder, kernels->softmax, label, params, params->columns / PANEL, params->batch, 1);
}
