/* GEMM with its epilogues, as plain loops in double precision. */
#ifndef CXRD_ENGINE_REFERENCE_GEMM_H
#define CXRD_ENGINE_REFERENCE_GEMM_H

#include <stdbool.h>

#include "shaders/params/gemm.h"

/* Shapes as in shaders/params/gemm.h, whose addresses are not used; `b` is [n][k], not packed; `addend` is
 * read only for GEMM_ADD and may be `out`. `across`: with GEMM_HEADS V is transposed
 * (shaders/params/attention.h). */
void reference_gemm(enum gemm_epilogue epilogue, const struct gemm_params *params, const float *a,
                    const float *b, const float *bias, const float *addend, bool across, float *out);

#endif
