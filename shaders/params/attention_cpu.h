/* attention.h for the CPU-driver variant. */
#ifndef CXRD_SHADERS_PARAMS_ATTENTION_CPU_H
#define CXRD_SHADERS_PARAMS_ATTENTION_CPU_H
#include "params.h"

PARAMS(attention_cpu_params)
    ADDRESS qkv, out;
    UINT batch, heads, tokens, tokens_padded;
    UINT zero; /* 0, which the compiler does not know; see attention_cpu.comp */
END_PARAMS;

#endif
