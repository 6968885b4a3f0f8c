/* Attention: the rung's on matrices, the tiled shader also where matrices are not used for it
 * (workarounds.c), or on the cpu rung the one whose lanes are query rows. */
#include <assert.h>

#include "engine/kernels/matrix.h"

/* Query rows of a workgroup and keys of a step, as attention.comp and attention_cpu.comp have them. */
enum { QUERIES = 64, KEYS = 32, CPU_KEYS = 64 };

/* Whether the rung's attention is one on matrices. */
static bool on_matrices(const struct gpu_device_info *device, enum rung rung)
{
    return rung == RUNG_MATRIX2 || (rung == RUNG_MATRIX && !device->matrix_attention_lack);
}

uint32_t attention_count(const struct gpu_device_info *device, enum rung rung)
{
    return rung == RUNG_MATRIX && on_matrices(device, rung) ? matrix_attentions(device) : 1;
}

enum status attention_add(struct kernels *kernels, struct pipeline_list *list, struct failure *failure)
{
    if (on_matrices(gpu_device_info(kernels->device), kernels->rung)) {
        kernels->attention_variant = matrix_attention(kernels, kernels->attention_index);
        return variant_add(list, &kernels->attention_variant, sizeof(struct attention_params), failure,
                           &kernels->attention);
    }
    kernels->attention_variant.rows = kernels->rung == RUNG_CPU ? ATTENTION_CPU_QUERIES : QUERIES;
    kernels->attention_variant.columns = kernels->rung == RUNG_CPU ? CPU_KEYS : KEYS;
    return kernel_add(kernels, list, "attention", "attention_cpu.f32", sizeof(struct attention_params),
                      failure, &kernels->attention);
}

size_t attention_scratch_bytes(const struct kernels *kernels, size_t batch, size_t heads, size_t tokens)
{
    if (kernels->rung != RUNG_CPU)
        return 0;
    return batch * heads * divide_up((uint32_t)tokens, ATTENTION_CPU_QUERIES) * ATTENTION_CPU_SCRATCH;
}

void attention_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      const struct attention_params *params)
{
    assert(params->tokens > 0 && params->tokens <= params->tokens_padded);
    assert(params->tokens_padded % PANEL == 0);
    assert(kernels->rung != RUNG_CPU || params->scratch);
    gpu_record_dispatch(recorder, kernels->attention, label, params,
                        divide_up(params->tokens, kernels->attention_variant.rows),
                        params->batch * params->heads, 1);
}
