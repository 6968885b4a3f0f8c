#include <assert.h>

#include "engine/kernels/set.h"

void pool_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                 const struct pool_params *params)
{
    /* What a workgroup makes, as in pool.comp and pool_cpu.comp. */
    const struct {
        uint32_t rows, columns;
    } tile = {kernels->rung == RUNG_CPU ? 24 : 32, kernels->rung == RUNG_CPU ? PANEL : 64};
    const uint32_t rows = params->classes * GLORI_HEADS;
    assert(params->width % PANEL == 0 && rows <= params->columns && params->classes > 0);
    gpu_record_dispatch(recorder, kernels->pool, label, params, divide_up(rows, tile.rows),
                        divide_up(params->width, tile.columns), params->batch);
}
