/* GEMM on cooperative matrices of any size: out = epilogue(A * B^T + bias), float16 into float32.
 *
 * A workgroup's matrices are TILE_M x TILE_K and TILE_K x TILE_N; how they are cut up for its subgroups, staged and
 * kept in flight is the driver's affair. B is packed [n][k] as it is given. Of SwiGLU gate and up are two products of
 * half the columns with the same A, every second row of B each. Tiles that lie inside the matrices load without a
 * check of bounds. Rows leave image by image, since an image's rows lie evenly apart and those of the tile may not. */
#version 460
#include "types.glsl"
#include "gemm.h"
#include "tensor.glsl"
#include "gemm_epilogue.glsl"

layout(constant_id = 0) const uint EPILOGUE = GEMM_EXACT;
layout(constant_id = 1) const uint TILE_M = 128;
layout(constant_id = 2) const uint TILE_N = 256;
layout(constant_id = 3) const uint TILE_K = 64;
layout(local_size_x_id = 4) in;

const uint HEADS = TILE_N > HEAD_SIZE ? TILE_N / HEAD_SIZE : 1; /* whole ones, or a part of one */
const uint PARTS = EPILOGUE == GEMM_SWIGLU ? 2 : 1, COLUMNS = TILE_N / PARTS; /* of each product */

float relu_element(const in uint row, const in uint column, const in float x)
{
    return relu(x);
}

float gelu_element(const in uint row, const in uint column, const in float x)
{
    return gelu(x);
}

float silu_element(const in uint row, const in uint column, const in float x)
{
    return silu(x);
}

uint tile_column = gl_WorkGroupID.z * gl_NumWorkGroups.x + gl_WorkGroupID.x;
uint first_row = gl_WorkGroupID.y * TILE_M, first_column = tile_column * TILE_N;
uint b_stride = params.k & ~63u; /* k, which is a multiple of 64: the compiler is told, since it loads wider then */
uint past_row = min(first_row + TILE_M, params.m), past_column = min(first_column + TILE_N, params.n);

/* The sum over K with loads that are clamped in one of two ways. */
#define MULTIPLY(clamping)                                                                                             \
    {                                                                                                                  \
        TENSOR(a_tensor, clamping, params.k / PANEL, params.m, PANEL, params.m * PANEL, PANEL, 1);                     \
        TENSOR(b_tensor, clamping, params.n / PARTS, PARTS, params.k, b_stride * PARTS, b_stride, 1);                  \
        for (uint k = 0; k < params.k; k += TILE_K) {                                                                  \
            LOAD(a, TILE_K, Halves, params.a, 0,                                                                       \
                 SLICE(a_tensor, int(k / PANEL), TILE_K / PANEL, int(first_row), TILE_M, 0, PANEL), panels);           \
            [[unroll]] for (uint part = 0; part < PARTS; part++) {                                                     \
                LOAD(b, COLUMNS, Halves, params.b, 0,                                                                  \
                     SLICE(b_tensor, int(first_column / PARTS), COLUMNS, int(part), 1, int(k), TILE_K), transposed);   \
                sum[part] = coopMatMulAdd(a, b, sum[part]);                                                            \
            }                                                                                                          \
        }                                                                                                              \
    }

void main()
{
    if (first_column >= params.n) /* the last band of columns may be narrower */
        return;
    VIEW(panels, 1, 0, 2);     /* a row runs through panel after panel */
    VIEW(transposed, 2, 1, 0); /* a row runs through the outermost dimension */
    VIEW(plain, 0, 1, 2);

    MATRIX(float16_t, A, TILE_M, TILE_K) a = MATRIX(float16_t, A, TILE_M, TILE_K)(0.0);
    MATRIX(float16_t, B, TILE_K, COLUMNS) b = MATRIX(float16_t, B, TILE_K, COLUMNS)(0.0);
    MATRIX(float, Accumulator, TILE_M, COLUMNS) sum[PARTS];

    [[unroll]] for (uint part = 0; part < PARTS; part++)
        sum[part] = MATRIX(float, Accumulator, TILE_M, COLUMNS)(0.0);
    if (first_row + TILE_M <= params.m && first_column + TILE_N <= params.n)
        MULTIPLY(UNCLAMPED)
    else
        MULTIPLY(ZERO)

    /* One row of scales and one of bias, which are the nearest ones to every row. */
    TENSOR(row, NEAREST, 1, params.n / PARTS, PARTS, params.n, PARTS, 1);
    [[unroll]] for (uint part = 0; part < PARTS; part++) {
        MATRIX(float, Accumulator, TILE_M, COLUMNS) each = MATRIX(float, Accumulator, TILE_M, COLUMNS)(0.0);
        LOAD(each, COLUMNS, Floats, params.b, params.n * (params.k / 2),
             SLICE(row, 0, TILE_M, int(first_column / PARTS), COLUMNS, int(part), 1), plain);
        sum[part] *= each;
        LOAD(each, COLUMNS, Floats, params.bias, 0,
             SLICE(row, 0, TILE_M, int(first_column / PARTS), COLUMNS, int(part), 1), plain);
        sum[part] += each;
    }

    if (EPILOGUE == GEMM_HEADS) {
        /* Of each of Q, K and V and each image that the tile has part of, what is there of it. */
        const uint width = params.heads * HEAD_SIZE, slab = params.tokens_padded * HEAD_SIZE;
        MATRIX(float16_t, Accumulator, TILE_M, COLUMNS) result = MATRIX(float16_t, Accumulator, TILE_M, COLUMNS)(sum[0]);
        for (uint which = first_column / width; which * width < past_column; which++) {
            const bool across = which == 2; /* V, a column of which has its tokens side by side */
            TENSOR(heads, ZERO, params.heads, params.tokens, HEAD_SIZE, slab, across ? 1 : HEAD_SIZE,
                   across ? params.tokens_padded : 1);
            for (uint image = first_row / params.tokens; image * params.tokens < past_row; image++)
                STORE(result, COLUMNS, Halves, params.out, (which * params.batch + image) * params.heads * slab,
                      SLICE(heads, int(first_column / HEAD_SIZE) - int(which * params.heads), HEADS,
                            int(first_row) - int(image * params.tokens), TILE_M, int(first_column % HEAD_SIZE),
                            COLUMNS / HEADS),
                      panels);
        }
        return;
    }
    const int first_panel = int(first_column / PARTS / PANEL);
    const uint column_panels = params.n / PARTS / PANEL;
    if (EPILOGUE == GEMM_ADD) {
        MATRIX(float, Accumulator, TILE_M, COLUMNS) addend = MATRIX(float, Accumulator, TILE_M, COLUMNS)(0.0);
        const uint group = params.addend_group != 0 ? params.addend_group : params.group;
        TENSOR(rows, ZERO, column_panels, group, PANEL, params.addend_rows * PANEL, PANEL, 1);
        for (uint i = first_row / group; i * group < past_row; i++) {
            const uint row = params.addend_group != 0 ? 0 : i * params.out_group + params.out_offset;
            LOAD(addend, COLUMNS, Floats, params.addend, row * PANEL,
                 SLICE(rows, first_panel, COLUMNS / PANEL, int(first_row) - int(i * group), TILE_M, 0, PANEL), panels);
            sum[0] += addend;
        }
    }
    if (EPILOGUE == GEMM_RELU)
        coopMatPerElementNV(sum[0], sum[0], relu_element);
    if (EPILOGUE == GEMM_GELU)
        coopMatPerElementNV(sum[0], sum[0], gelu_element);
    if (EPILOGUE == GEMM_SWIGLU) {
        coopMatPerElementNV(sum[0], sum[0], silu_element);
        sum[0] *= sum[PARTS - 1];
    }
    MATRIX(float16_t, Accumulator, TILE_M, COLUMNS) result = MATRIX(float16_t, Accumulator, TILE_M, COLUMNS)(sum[0]);
    for (uint group = first_row / params.group; group * params.group < past_row; group++) {
        const uint row = group * params.out_group + params.out_offset;
        const uint rows = min(params.group, params.m - group * params.group);
        TENSOR(stored, ZERO, column_panels, rows, PANEL, params.out_rows * PANEL, PANEL, 1);
        const int from = int(first_row) - int(group * params.group);
        if (EPILOGUE == GEMM_EXACT || EPILOGUE == GEMM_ADD) {
            STORE(sum[0], COLUMNS, Floats, params.out, row * PANEL,
                  SLICE(stored, first_panel, COLUMNS / PANEL, from, TILE_M, 0, PANEL), panels);
        } else {
            STORE(result, COLUMNS, Halves, params.out, row * PANEL,
                  SLICE(stored, first_panel, COLUMNS / PANEL, from, TILE_M, 0, PANEL), panels);
        }
    }
}
