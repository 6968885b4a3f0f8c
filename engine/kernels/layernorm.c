#include <assert.h>

#include "engine/kernels/set.h"

void layernorm_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      const struct layernorm_params *params)
{
    /* NORM_ROWS on the cpu rung too (layernorm_cpu.comp). */
    assert(params->width % PANEL == 0 && params->width <= NORM_WIDTH_MAX);
    gpu_record_dispatch(recorder, kernels->layernorm, label, params, divide_up(params->rows, NORM_ROWS), 1,
                        1);
}
