/* Flash attention on cooperative matrices of any size: attention.comp's formula, with Q, K, V and p in float16 and
 * scores, maxima, sums and outputs in float32.
 *
 * QUERIES rows a workgroup, KEYS keys a step. Rows are reduced and resized (a reduction of equal elements) as matrices.
 * Only the last step has keys that are none: there loads are clamped, so that the V of a missing row is 0 and not
 * whatever lies there, and its scores are put below any. */
#version 460
#include "types.glsl"
#include "attention.h"
#include "tensor.glsl"

layout(constant_id = 0) const uint QUERIES = 64;
layout(constant_id = 1) const uint KEYS = 64;
layout(local_size_x_id = 2) in;

const float LOWEST = -1e30; /* below any score; finite, so that LOWEST - LOWEST is 0 */

float larger(const in float a, const in float b)
{
    return max(a, b);
}

float either(const in float a, const in float b)
{
    return a;
}

float added(const in float a, const in float b)
{
    return a + b;
}

float power(const in uint row, const in uint column, const in float x)
{
    return exp2(x);
}

float mask(const in uint row, const in uint column, const in float score, const in uint keys)
{
    return column < keys ? score : LOWEST;
}

/* One step over KEYS keys from first_key. */
#define STEP(clamping, masked)                                                                                         \
    {                                                                                                                  \
        TENSOR(tensor, clamping, 1, params.tokens, HEAD_SIZE, params.tokens_padded * HEAD_SIZE, HEAD_SIZE, 1);         \
        LOAD(k, KEYS, Halves, params.qkv, third + slab,                                                                \
             SLICE(tensor, 0, 1, int(first_key), KEYS, 0, HEAD_SIZE), transposed);                                     \
        TENSOR(values, clamping, 1, HEAD_SIZE, params.tokens, v_stride * HEAD_SIZE, v_stride, 1);                      \
        LOAD(v, HEAD_SIZE, Halves, params.qkv, 2 * third + slab,                                                       \
             SLICE(values, 0, 1, 0, HEAD_SIZE, int(first_key), KEYS), transposed);                                     \
        MATRIX(float, Accumulator, QUERIES, KEYS) s = MATRIX(float, Accumulator, QUERIES, KEYS)(0.0), most, sums;      \
        s = coopMatMulAdd(q, k, s);                                                                                    \
        if (masked)                                                                                                    \
            coopMatPerElementNV(s, s, mask, params.tokens - first_key);                                                \
        coopMatReduceNV(most, s, gl_CooperativeMatrixReduceRowNV, larger);                                             \
        for (uint e = 0; e < most.length(); e++)                                                                       \
            most[e] = max(most[e], highest[e]);                                                                        \
        highest -= most;                                                                                               \
        coopMatPerElementNV(highest, highest, power);                                                                  \
        s -= most;                                                                                                     \
        coopMatPerElementNV(s, s, power);                                                                              \
        coopMatReduceNV(sums, s, gl_CooperativeMatrixReduceRowNV, added);                                              \
        sum = sum * highest + sums;                                                                                    \
        MATRIX(float, Accumulator, QUERIES, HEAD_SIZE) scale;                                                          \
        coopMatReduceNV(scale, highest, gl_CooperativeMatrixReduceRowNV, either);                                      \
        highest = most;                                                                                                \
        o *= scale;                                                                                                    \
        o = coopMatMulAdd(MATRIX(float16_t, A, QUERIES, KEYS)(s), v, o);                                               \
    }

void main()
{
    const uint first_query = gl_WorkGroupID.x * QUERIES;
    const uint slab = gl_WorkGroupID.y * params.tokens_padded * HEAD_SIZE;
    const uint third = params.batch * params.heads * params.tokens_padded * HEAD_SIZE;
    const uint v_stride = params.tokens_padded & ~15u; /* a multiple of 16: the compiler is told, since it loads wider then */
    VIEW(plain, 0, 1, 2);
    VIEW(transposed, 2, 0, 1);
    VIEW(panels, 1, 0, 2);

    MATRIX(float16_t, A, QUERIES, HEAD_SIZE) q = MATRIX(float16_t, A, QUERIES, HEAD_SIZE)(0.0);
    MATRIX(float16_t, B, HEAD_SIZE, KEYS) k = MATRIX(float16_t, B, HEAD_SIZE, KEYS)(0.0);
    MATRIX(float16_t, B, KEYS, HEAD_SIZE) v = MATRIX(float16_t, B, KEYS, HEAD_SIZE)(0.0);
    MATRIX(float, Accumulator, QUERIES, HEAD_SIZE) o = MATRIX(float, Accumulator, QUERIES, HEAD_SIZE)(0.0);
    MATRIX(float, Accumulator, QUERIES, KEYS) highest = MATRIX(float, Accumulator, QUERIES, KEYS)(LOWEST);
    MATRIX(float, Accumulator, QUERIES, KEYS) sum = MATRIX(float, Accumulator, QUERIES, KEYS)(0.0);

    TENSOR(queries, ZERO, 1, params.tokens, HEAD_SIZE, params.tokens_padded * HEAD_SIZE, HEAD_SIZE, 1);
    LOAD(q, HEAD_SIZE, Halves, params.qkv, slab, SLICE(queries, 0, 1, int(first_query), QUERIES, 0, HEAD_SIZE), plain);

    uint first_key = 0;
    for (; first_key + KEYS <= params.tokens; first_key += KEYS)
        STEP(UNCLAMPED, false)
    if (first_key < params.tokens)
        STEP(ZERO, true)

    MATRIX(float, Accumulator, QUERIES, HEAD_SIZE) divisor;
    coopMatReduceNV(divisor, sum, gl_CooperativeMatrixReduceRowNV, either);
    o /= divisor;
    MATRIX(float16_t, Accumulator, QUERIES, HEAD_SIZE) result = MATRIX(float16_t, Accumulator, QUERIES, HEAD_SIZE)(o);
    const uint image = gl_WorkGroupID.y / params.heads, head = gl_WorkGroupID.y % params.heads;
    TENSOR(stored, ZERO, params.heads * (HEAD_SIZE / PANEL), params.tokens, PANEL, params.batch * params.tokens * PANEL,
           PANEL, 1);
    STORE(result, HEAD_SIZE, Halves, params.out, image * params.tokens * PANEL,
          SLICE(stored, int(head * (HEAD_SIZE / PANEL)), HEAD_SIZE / PANEL, int(first_query), QUERIES, 0, PANEL), panels);
}
