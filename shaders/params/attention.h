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
    ADDRESS qkv; /* activations [3][batch][heads][tokens_padded][64]; rows from `tokens` on hold anything, even NaN */
    ADDRESS out; /* activations [batch*tokens][heads*64] */
    ADDRESS scratch; /* attention_scratch_bytes of memory to work in; 0 where that is none */
    UINT batch, heads, tokens, tokens_padded;
END_PARAMS;

#endif
