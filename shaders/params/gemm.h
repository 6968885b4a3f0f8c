/* GEMM: out = epilogue(A * B^T + bias). A [m][k] activations; B [n][k] packed by gemm_pack; bias [n] float32.
 *
 * Rows of B in float16 are held divided by a power of two each, their scale, so that the largest of a row is near 1: a
 * row of small weights, as LayerScale's gains make them, would lose its bits to float16's least numbers, and all of
 * itself where those are flushed to zero. The scales [n] float32 follow the packed weights; the product's columns are
 * multiplied by them in float32. */
#ifndef CXRD_SHADERS_PARAMS_GEMM_H
#define CXRD_SHADERS_PARAMS_GEMM_H
#include "params.h"

/* What is done with A * B^T + bias before it is stored. */
CHOICES(gemm_epilogue)
    GEMM_EXACT = 0,  /* float32 panels */
    GEMM_ADD = 1,    /* + addend, float32 panels; out may be the addend itself */
    GEMM_RELU = 2,   /* max(x, 0), NaN kept, activations */
    GEMM_GELU = 3,   /* x/2 * (1 + erf(x/sqrt 2)), activations */
    GEMM_SWIGLU = 4, /* columns 2i gate and 2i+1 up: silu(gate) * up at column i of n/2, activations; n a multiple of 32 */
    GEMM_HEADS = 5,  /* activations, head-major, for attention */
    GEMM_EPILOGUE_COUNT = 6
END_CHOICES;

PARAMS(gemm_params)
    ADDRESS a;      /* activations: k columns of a matrix of a_columns, from the one this address is at */
    ADDRESS b;      /* packed weights, and in float16 their scales */
    ADDRESS bias;   /* [n] float32 */
    ADDRESS addend; /* float32 panels added before storing (GEMM_ADD); else unused */
    ADDRESS out;
    UINT m, n, k;   /* n a multiple of 16, k of 64 */
    UINT a_columns; /* a multiple of 16, at least k */
    /* Where row r is stored: row r / group * out_group + out_offset + r % group of out_rows. Plain: group = m,
     * out_group = out_rows = m, out_offset = 0. */
    UINT group, out_group, out_offset, out_rows;
    /* Row of the addend: r % addend_group when that is not 0, else the row stored to. */
    UINT addend_group, addend_rows;
    /* GEMM_HEADS: out is Q, K and V as attention has them (attention.h), row r being token r % tokens of image
     * r / tokens. */
    UINT batch, heads, tokens, tokens_padded;
END_PARAMS;

#endif
