#include <assert.h>

#include "engine/kernels/set.h"

void pool_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                 const struct pool_params *params)
{
    const uint32_t rows = params->classes * GLORI_HEADS;
    assert(params->width % PANEL == 0 && rows <= params->columns && params->classes > 0);
    gpu_record_dispatch(recorder, kernels->pool, label, params, divide_up(rows, kernels->row->pool_rows),
                        divide_up(params->width, kernels->row->pool_columns), params->batch);
}
