/* Attention: the tiled shader, the rung's on matrices, or on the cpu rung the one whose lanes are query rows.
 */
#include <assert.h>

#include "engine/kernels/matrix.h"
#include "shaders/params/attention_cpu.h"

/* Query rows of a workgroup, as the shaders have them. */
enum { QUERIES = 64, QUERIES_CPU = 16 };

enum status attention_add(struct kernels *kernels, struct pipeline_list *list, struct failure *failure)
{
    if (kernels->rung == RUNG_CPU)
        return kernel_add(kernels, list, "attention_cpu", sizeof(struct attention_cpu_params), failure,
                          &kernels->attention);
    if (kernels->rung == RUNG_MATRIX || kernels->rung == RUNG_MATRIX2) {
        kernels->attention_variant = matrix_attention(kernels);
        return variant_add(list, &kernels->attention_variant, sizeof(struct attention_params), failure,
                           &kernels->attention);
    }
    kernels->attention_variant.rows = QUERIES;
    return kernel_add(kernels, list, "attention", sizeof(struct attention_params), failure,
                      &kernels->attention);
}

void attention_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      const struct attention_params *params)
{
    assert(params->tokens > 0 && params->tokens <= params->tokens_padded);
    assert(params->tokens_padded % PANEL == 0);
    const uint32_t slabs = params->batch * params->heads;
    if (kernels->rung == RUNG_CPU) {
        const struct attention_cpu_params cpu = {.qkv = params->qkv,
                                                 .out = params->out,
                                                 .batch = params->batch,
                                                 .heads = params->heads,
                                                 .tokens = params->tokens,
                                                 .tokens_padded = params->tokens_padded};
        gpu_record_dispatch(recorder, kernels->attention, label, &cpu, divide_up(params->tokens, QUERIES_CPU),
                            slabs, 1);
        return;
    }
    gpu_record_dispatch(recorder, kernels->attention, label, params,
                        divide_up(params->tokens, kernels->attention_variant.rows), slabs, 1);
}
