#include "tests/kernelcheck/kernelcheck.h"

#include <math.h>

#include "engine/kernels/set.h"
#include "engine/reference/attention.h"

/* Rows of qkv after the last token hold anything. `deviation` of its elements: scores deviate by 8 times its
 * square. */
static void attention_case(struct check *check, uint32_t batch, uint32_t heads, uint32_t tokens,
                           float deviation)
{
    check_case_begin(check, "%s: batch %u, heads %u, tokens %u, deviation %g",
                     check->kernels->attention_tiles.list[check->kernels->attention_default].name, batch,
                     heads, tokens, (double)deviation);
    const enum element activations = kernels_activations(check->kernels);
    const uint32_t tokens_padded = (uint32_t)round_up(tokens, PANEL);
    struct check_array *qkv =
        check_input(check, activations, (size_t)3 * batch * heads * tokens_padded * HEAD_SIZE, deviation);
    for (size_t i = 0; i < qkv->count; i++)
        if (i / HEAD_SIZE % tokens_padded >= tokens)
            qkv->values[i] = NAN;
    struct check_array *out =
        check_output_activations(check, "out", (size_t)batch * tokens, (size_t)heads * HEAD_SIZE);
    const size_t scratch_bytes = attention_scratch_bytes(check->kernels, batch, heads, tokens);
    const uint64_t scratch = scratch_bytes ? check_scratch(check, scratch_bytes) : 0;
    /* An absolute error of a score, which grows with it, is a relative error of its weight. */
    if (activations == ELEMENT_F32)
        out->bound *= fmax(1, 8 * deviation * deviation);
    const struct attention_params params = {.qkv = qkv->address,
                                            .out = out->address,
                                            .scratch = scratch,
                                            .batch = batch,
                                            .heads = heads,
                                            .tokens = tokens,
                                            .tokens_padded = tokens_padded};
    attention_record(check->kernels, check->recorder, "attention", &params);
    const struct check_work work = {.flops = 4.0 * batch * heads * HEAD_SIZE * tokens * tokens};
    if (check_run(check, &work))
        reference_attention(&params, qkv->values, out->expected);
    check_case_end(check);
}

void check_attention(struct check *check)
{
    if (check->bench) {
        attention_case(check, 1, 16, 1029, 0.5F);
        if (gpu_device_info(check->device)->kind != GPU_CPU)
            attention_case(check, 8, 16, 1029, 0.5F);
        return;
    }
    attention_case(check, 1, 1, 1, 0.5F);
    attention_case(check, 3, 2, 5, 0.5F);
    attention_case(check, 1, 1, 6, 0.5F);
    attention_case(check, 3, 1, 32, 0.5F);
    attention_case(check, 2, 1, 64, 0.5F);
    attention_case(check, 1, 6, 69, 0.5F);
    attention_case(check, 1, 2, 136, 0.5F);
    attention_case(check, 3, 2, 201, 0.5F);
    attention_case(check, 1, 1, 201, 3);
    attention_case(check, 1, 1, 1029, 0.5F);
}
