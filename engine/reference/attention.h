/* Multi-head self-attention with base-2 softmax, as plain loops in double precision. */
#ifndef CXRD_ENGINE_REFERENCE_ATTENTION_H
#define CXRD_ENGINE_REFERENCE_ATTENTION_H

#include <stdbool.h>

#include "shaders/params/attention.h"

/* Shapes as in shaders/params/attention.h, whose addresses are not used. `across`: V is transposed. */
void reference_attention(const struct attention_params *params, const float *qkv, bool across, float *out);

#endif
