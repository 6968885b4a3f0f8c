#include "tests/kernelcheck/kernelcheck.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/kernels/set.h"
#include "engine/reference/attention.h"

/* Rows of qkv after the last token hold anything. `deviation` of its elements: scores deviate by 8 times its
 * square. Every tile computes it; those of one family must give the same bits. */
static void attention_case(struct check *check, uint32_t batch, uint32_t heads, uint32_t tokens,
                           float deviation)
{
    check_case_begin(check, "batch %u, heads %u, tokens %u, deviation %g", batch, heads, tokens,
                     (double)deviation);
    const struct kernels *kernels = check->kernels;
    const struct tiles *tiles = &kernels->attention_tiles;
    const enum element activations = kernels_activations(kernels);
    const uint32_t tokens_padded = (uint32_t)round_up(tokens, PANEL);
    struct check_array *qkv =
        check_input(check, activations, (size_t)3 * batch * heads * tokens_padded * HEAD_SIZE, deviation);
    for (size_t i = 0; i < qkv->count; i++)
        if (attention_token(kernels, i, (size_t)batch * heads, tokens_padded) >= tokens)
            qkv->values[i] = NAN;
    struct check_array *outs[TILES_MAX];
    const size_t scratch_bytes = attention_scratch_bytes(kernels, batch, heads, tokens);
    struct attention_params params = {.qkv = qkv->address,
                                      .scratch = scratch_bytes ? check_scratch(check, scratch_bytes) : 0,
                                      .batch = batch,
                                      .heads = heads,
                                      .tokens = tokens,
                                      .tokens_padded = tokens_padded};
    uint32_t count = 1; /* tiles that are run */
    while (!check->bench && count < tiles->count && check_runs(check, TILED_ATTENTION, count))
        count++;
    for (uint32_t i = 0; i < count; i++) {
        outs[i] = check_output_activations(check, tiles->list[i].name, (size_t)batch * tokens,
                                           (size_t)heads * HEAD_SIZE);
        /* An absolute error of a score, which grows with it, is a relative error of its weight. */
        if (activations == ELEMENT_F32)
            outs[i]->bound *= fmax(1, 8 * deviation * deviation);
        for (uint32_t j = i; j-- > 0;)
            if (tiles->list[j].family == tiles->list[i].family)
                outs[i]->twin = outs[j];
        params.out = outs[i]->address;
        attention_record_tile(kernels, check->recorder, "attention", check->bench ? check->tile : i, &params);
    }
    const struct check_work work = {.flops = 4.0 * batch * heads * HEAD_SIZE * tokens * tokens};
    if (check_run(check, &work)) {
        reference_attention(&params, qkv->values, kernels_values_across(kernels), outs[0]->expected);
        for (uint32_t i = 1; i < count; i++)
            memcpy(outs[i]->expected, outs[0]->expected, outs[0]->count * sizeof(float));
    }
    check_case_end(check);
}

/* Tokens that fill a tile's queries or its step of keys, and one less or more; and several of each. */
static void sides_cases(struct check *check)
{
    const struct tiles *tiles = &check->kernels->attention_tiles;
    bool seen[1025] = {false};
    for (uint32_t i = 0; i < tiles->count; i++) {
        const uint32_t queries = tiles->list[i].rows, keys = tiles->list[i].columns;
        const uint32_t tokens[] = {queries - 1, queries,      queries + 1, keys - 1,       keys,
                                   keys + 1,    2 * keys - 1, 2 * keys,    2 * queries + 1};
        for (size_t j = 0; j < sizeof tokens / sizeof *tokens; j++) {
            if (!seen[tokens[j]])
                attention_case(check, 2, 3, tokens[j], 0.5F);
            seen[tokens[j]] = true;
        }
    }
}

static void bench(struct check *check)
{
    const struct tiles *tiles = &check->kernels->attention_tiles;
    for (check->tile = 0; check->tile < tiles->count; check->tile++) {
        printf("attention in tiles of %s\n", tiles->list[check->tile].name);
        attention_case(check, 1, 16, 1029, 0.5F);
        if (gpu_device_info(check->device)->kind != GPU_CPU)
            attention_case(check, 8, 16, 1029, 0.5F);
    }
}

void check_attention(struct check *check)
{
    if (check->bench) {
        bench(check);
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
    sides_cases(check);
}
