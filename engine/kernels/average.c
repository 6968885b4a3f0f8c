#include <assert.h>

#include "engine/kernels/set.h"

void average_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                    const struct average_params *params)
{
    assert(params->width % PANEL == 0 && params->patch_count > 0);
    gpu_record_dispatch(recorder, kernels->average, label, params, params->width / PANEL, params->batch, 1);
}
