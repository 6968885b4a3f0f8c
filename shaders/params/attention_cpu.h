/* attention.h for the CPU-driver variant. */
#ifndef CXRD_SHADERS_PARAMS_ATTENTION_CPU_H
#define CXRD_SHADERS_PARAMS_ATTENTION_CPU_H
#include "params.h"

PARAMS(attention_cpu_params)
    ADDRESS qkv, out;
    UINT batch, heads, tokens, tokens_padded;
    UINT zero[24]; /* zeros that the compiler does not know to be zeros; see attention_cpu.comp */
END_PARAMS;

#endif
