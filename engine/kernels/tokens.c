#include <assert.h>

#include "engine/kernels/set.h"

void tokens_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                   const struct tokens_params *params)
{
    /* As in tokens.comp: a thread four columns. */
    enum { THREADS = 64, VECTORS = PANEL / 4 };
    assert(params->width % PANEL == 0 && params->prefix_rows <= params->tokens);
    uint32_t threads = params->width / PANEL * params->prefix_rows * VECTORS;
    gpu_record_dispatch(recorder, kernels->tokens, label, params, divide_up(threads, THREADS), params->batch,
                        1);
}
