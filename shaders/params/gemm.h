/* GEMM: out = epilogue(A * B^T + bias). A [m][k] in panels; B [n][k] packed by gemm_pack; bias [n] float32. */
#ifndef CXRD_SHADERS_PARAMS_GEMM_H
#define CXRD_SHADERS_PARAMS_GEMM_H
#include "params.h"

PARAMS(gemm_params)
    ADDRESS a;      /* activations [k/16][m][16] */
    ADDRESS b;      /* packed weights */
    ADDRESS bias;   /* [n] float32 */
    ADDRESS addend; /* float32 panels added before storing (GEMM_ADD); else unused */
    ADDRESS out;
    UINT m, n, k;   /* n a multiple of 16, k of 64 */
    /* Where row r is stored: row r / group * out_group + out_offset + r % group of out_rows. Plain: group = m,
     * out_group = out_rows = m, out_offset = 0. */
    UINT group, out_group, out_offset, out_rows;
    /* Row of the addend: r % addend_group when that is not 0, else the row stored to. */
    UINT addend_group, addend_rows;
    /* GEMM_HEADS: out is [3][batch][heads][tokens_padded][64], row r being token r % tokens of image r / tokens. */
    UINT batch, heads, tokens, tokens_padded;
END_PARAMS;

#endif
