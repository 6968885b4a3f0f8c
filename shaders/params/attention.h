/* Multi-head self-attention of the backbone, flash style: out = softmax2(Q K^T) V, softmax2 being the softmax with base 2
 * (the scale 1/8 * log2(e) is folded into Q's weights at load). Head size 64. */
#ifndef CXRD_SHADERS_PARAMS_ATTENTION_H
#define CXRD_SHADERS_PARAMS_ATTENTION_H
#include "params.h"

/* A workgroup of the CPU-driver variant: query rows, and bytes of scratch. */
CHOICES(attention_cpu)
    ATTENTION_CPU_QUERIES = 16,
    ATTENTION_CPU_SCRATCH = 12544
END_CHOICES;

PARAMS(attention_params)
    /* Activations: Q and K [batch][heads][tokens_padded][64], and V [batch][heads][64][tokens_padded], except on the
     * cpu rung, where it lies as they do. What is there of tokens from `tokens` on may be anything, even NaN. */
    ADDRESS qkv;
    ADDRESS out; /* activations [batch*tokens][heads*64] */
    ADDRESS scratch; /* attention_scratch_bytes of memory to work in; 0 where that is none */
    UINT batch, heads, tokens, tokens_padded;
END_PARAMS;

#endif
