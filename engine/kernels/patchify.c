#include <assert.h>

#include "engine/kernels/set.h"

void patchify_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                     const struct patchify_params *params)
{
    /* As in patchify.comp: a thread four columns, a workgroup one panel. */
    enum { THREADS = 256, VECTORS = PANEL / 4 };
    assert(params->columns % PANEL == 0 && params->image_stride % 4 == 0);
    assert(params->columns >= 3 * params->patch * params->patch);
    uint32_t threads = params->batch * params->patch_rows * params->patch_columns * VECTORS;
    gpu_record_dispatch(recorder, kernels->patchify, label, params, divide_up(threads, THREADS),
                        params->columns / PANEL, 1);
}
