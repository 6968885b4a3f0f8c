#include <assert.h>

#include "engine/kernels/set.h"

void logits_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                   const struct logits_params *params)
{
    assert(params->second_count % PANEL == 0);
    gpu_record_dispatch(recorder, kernels->logits, label, params, params->classes, params->batch, 1);
}
