/* GEMM: out = epilogue(A * B^T + bias).
 *
 * A workgroup makes TILE_M x TILE_N, a thread 8 rows x 8 columns of it. Each step of 16 along K goes through shared
 * memory, while the next one is already on its way into registers. A thread's rows and columns are spread over the
 * tile and rows of shared memory are skewed, so that neighbouring threads read different banks.
 */
#version 460
#include "types.glsl"
#include "gemm.h"

layout(constant_id = 0) const uint EPILOGUE = GEMM_EXACT;
layout(constant_id = 1) const uint TILE_M = 128;
layout(constant_id = 2) const uint TILE_N = 64;
layout(local_size_x_id = 3) in; /* TILE_M / 8 * TILE_N / 8 */

#define FIRST_ROW (gl_WorkGroupID.x * TILE_M)
#include "gemm_store.glsl"

const uint QUADS = PANEL / 4; /* vec4 in a row of a panel */
const uint ROW_THREADS = TILE_M / 8, COLUMN_THREADS = TILE_N / 8, THREADS = ROW_THREADS * COLUMN_THREADS;
const uint A_LOADS = TILE_M * QUADS / THREADS, B_LOADS = TILE_N * QUADS / THREADS;
const uint A_STRIDE = QUADS + 1, B_STRIDE = TILE_N / 4 + 4;

shared vec2 a_tile[TILE_M * A_STRIDE * 2]; /* [row][k / 2] of 2 steps along K */
shared vec4 b_tile[PANEL * B_STRIDE];  /* [k][column / 4] of 4 columns */

/* 4 neighbouring columns of A or of packed B [n/16][k][16]. float16 are unpacked on the way into shared memory: before
 * that they would take twice the registers, and be waited for. */
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer WordsBuffer {
    uvec2 v[];
};
#if ACTIVATION_HALF
#define A_WORDS  uvec2
#define A_BUFFER WordsBuffer
#else
#define A_WORDS  vec4
#define A_BUFFER Float4Buffer
#endif
#if WEIGHT_HALF
#define B_WORDS  uvec2
#define B_BUFFER WordsBuffer
#else
#define B_WORDS  vec4
#define B_BUFFER Float4Buffer
#endif

vec4 unpack(uvec2 words)
{
    return vec4(unpackHalf2x16(words.x), unpackHalf2x16(words.y));
}

vec4 unpack(vec4 values)
{
    return values;
}

/* Loads are clamped to the matrix: what is beyond it is computed from its last row or panel, and not stored. */
A_WORDS load_a(uint panel, uint slot)
{
    const uint row = min(gl_WorkGroupID.x * TILE_M + slot / QUADS, params.m - 1);
    return A_BUFFER(params.a).v[(panel * params.m + row) * QUADS + slot % QUADS];
}

B_WORDS load_b(uint panel, uint slot)
{
    const uint columns = min(gl_WorkGroupID.y * (TILE_N / PANEL) + slot / (PANEL * QUADS), params.n / PANEL - 1);
    return B_BUFFER(params.b).v[(columns * params.k + panel * PANEL) * QUADS + slot % (PANEL * QUADS)];
}

uint b_slot(uint slot)
{
    const uint columns = slot / (PANEL * QUADS), k = slot / QUADS % PANEL;
    return k * B_STRIDE + columns * QUADS + slot % QUADS;
}

/* Stores 4 columns of a row of V. */
void store_values(uint row, uint column, vec4 value)
{
    const part image = part_of(row, params.tokens);
    [[unroll]] for (uint i = 0; i < 4; i++)
        ActivationBuffer(params.out).v[value_index(image, column + i)] = ACTIVATION(value[i]);
}

void main()
{
    const uint thread = gl_LocalInvocationIndex;
    const uint row_thread = thread / COLUMN_THREADS, column_thread = thread % COLUMN_THREADS;
    const uint panels = params.k / PANEL;
    const uint column = gl_WorkGroupID.y * TILE_N + column_thread * 4, columns_apart = COLUMN_THREADS * 4;

    vec4 sum[8][2];
    [[unroll]] for (uint j = 0; j < 2; j++)
        [[unroll]] for (uint i = 0; i < 8; i++)
            sum[i][j] = vec4(0);

    A_WORDS next_a[A_LOADS];
    B_WORDS next_b[B_LOADS];
    [[unroll]] for (uint i = 0; i < A_LOADS; i++)
        next_a[i] = load_a(0, i * THREADS + thread);
    [[unroll]] for (uint i = 0; i < B_LOADS; i++)
        next_b[i] = load_b(0, i * THREADS + thread);

    uint panel = 0;
    do {
        barrier();
        [[unroll]] for (uint i = 0; i < A_LOADS; i++) {
            const uint slot = i * THREADS + thread, to = (slot / QUADS * A_STRIDE + slot % QUADS) * 2;
            const vec4 a = unpack(next_a[i]);
            a_tile[to] = a.xy;
            a_tile[to + 1] = a.zw;
        }
        [[unroll]] for (uint i = 0; i < B_LOADS; i++)
            b_tile[b_slot(i * THREADS + thread)] = unpack(next_b[i]);
        barrier();

        panel++;
        const uint next = min(panel, panels - 1);
        [[unroll]] for (uint i = 0; i < A_LOADS; i++)
            next_a[i] = load_a(next, i * THREADS + thread);
        [[unroll]] for (uint i = 0; i < B_LOADS; i++)
            next_b[i] = load_b(next, i * THREADS + thread);

        /* Two steps at a time: four of A's would take 16 registers more, and from 128 on GPUs run half as many threads. */
        [[dont_unroll]] for (uint pair = 0; pair < PANEL / 2; pair++) {
            vec2 a[8];
            [[unroll]] for (uint i = 0; i < 8; i++)
                a[i] = a_tile[(i * ROW_THREADS + row_thread) * (A_STRIDE * 2) + pair];
            [[unroll]] for (uint k = 0; k < 2; k++) {
                [[unroll]] for (uint j = 0; j < 2; j++) {
                    const vec4 b = b_tile[(pair * 2 + k) * B_STRIDE + j * COLUMN_THREADS + column_thread];
                    [[unroll]] for (uint i = 0; i < 8; i++)
                        sum[i][j] = fma(vec4(a[i][k]), b, sum[i][j]);
                }
            }
        }
    } while (panel < panels);

    [[unroll]] for (uint j = 0; j < 2; j++) {
        const uint to = column + j * columns_apart;
        if (to >= params.n)
            continue;
        const vec4 bias = Float4Buffer(params.bias).v[to / 4];
#if WEIGHT_HALF
        const vec4 scale = scales(to);
#else
        const vec4 scale = vec4(1);
#endif
        [[unroll]] for (uint i = 0; i < 8; i++) {
            const uint row = gl_WorkGroupID.x * TILE_M + i * ROW_THREADS + row_thread;
            if (row >= params.m)
                continue;
            vec4 value = fma(sum[i][j], scale, bias);
            if (EPILOGUE == GEMM_ADD)
                value += addend(row, to);
            if (is_value(to))
                store_values(row, to, value);
            else
                store(row, to, value);
        }
    }
}
