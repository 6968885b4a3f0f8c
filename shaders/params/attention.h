/* Multi-head self-attention of the backbone, flash style: out = softmax2(Q K^T) V, softmax2 being the softmax with base 2
 * (the scale 1/8 * log2(e) is folded into Q's weights at load). Head size 64. */
#ifndef CXRD_SHADERS_PARAMS_ATTENTION_H
#define CXRD_SHADERS_PARAMS_ATTENTION_H
#include "params.h"

PARAMS(attention_params)
    ADDRESS qkv; /* activations [3][batch][heads][tokens_padded][64]; rows from `tokens` on hold anything, even NaN */
    ADDRESS out; /* activations in panels [heads*64/16][batch*tokens][16] */
    UINT batch, heads, tokens, tokens_padded;
END_PARAMS;

#endif
