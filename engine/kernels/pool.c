#include <assert.h>

#include "engine/kernels/set.h"

void pool_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                 const struct pool_params *params)
{
    enum { M = 32, N = 64 }; /* the tile of a workgroup, as in pool.comp */
    assert(params->width % PANEL == 0 && params->classes * GLORI_HEADS <= params->columns);
    gpu_record_dispatch(recorder, kernels->pool, label, params, divide_up(params->classes * GLORI_HEADS, M),
                        divide_up(params->width, N), params->batch);
}
