/* Flash attention on cooperative matrices of a subgroup: attention.comp's formula, with Q, K, V and p in float16 and
 * scores, maxima, sums and outputs in float32.
 *
 * A subgroup owns ROWS * M query rows from first to last, so that only K and V concern the whole workgroup: two
 * barriers a step of KEYS keys, the next step's K and V being on their way into registers meanwhile. V comes
 * transposed: of a right operand's column a lane finds the tokens side by side, where it would otherwise gather them.
 *
 * With CONVERSIONS (reductions and conversions of VK_NV_cooperative_matrix2) a row's maximum, its sum and p as a left
 * operand stay in registers: N has to be K. Without, of the scores only each row's maxima go through shared memory,
 * those of N neighbouring fragments made one beforehand, and come back as a matrix all of whose columns are the one that
 * lies there; powers and rescaling then happen in registers, and so do the sums, p times a matrix of ones. p returns
 * through shared memory as a left operand, which is the only portable way from an accumulator to one. Of keys that are
 * not there the last step has the last one again, which changes no maximum, and 0 for p.
 *
 * At 16 rows a subgroup a step of 64 keys moves 24 KiB of shared memory for 262 kFLOP, most of it K and V: ROWS = 2
 * moves 32 KiB for twice as much, for 96 registers a lane more. */
#version 460
#include "types.glsl"
#include "attention.h"
#include "matrix.glsl"
#if CONVERSIONS
#extension GL_NV_cooperative_matrix2 : require
#endif

layout(constant_id = 0) const uint SUBGROUP = 32;
layout(constant_id = 1) const uint M = 16; /* of a fragment */
layout(constant_id = 2) const uint N = 16;
layout(constant_id = 3) const uint K = 16;
layout(constant_id = 4) const uint WARPS = 4;
layout(constant_id = 5) const uint ROWS = 1; /* fragments of query rows a subgroup has */
layout(constant_id = 6) const uint KEYS = 64;
layout(local_size_x_id = 7) in; /* SUBGROUP * WARPS */

const float LOWEST = -1e30; /* below any score; finite, so that LOWEST - LOWEST is 0 */
const uint HALVES = 8, FLOATS = 4; /* in 16 bytes */
const uint THREADS = SUBGROUP * WARPS, WARP_ROWS = ROWS * M, QUERIES = WARPS * WARP_ROWS;
const uint CHUNKS = HEAD_SIZE / HALVES, STRIDE = CHUNKS + 1; /* of a row of Q, K or the output */
const uint V_CHUNKS = KEYS / HALVES, V_STRIDE = V_CHUNKS + 1; /* of a column of V */
const uint LOADS = KEYS * CHUNKS / THREADS, ROW_LOADS = QUERIES * CHUNKS / THREADS;
const uint PARTS = SUBGROUP / M, P_STRIDE = KEYS / HALVES + 1, N_QUADS = N / FLOATS, N_STRIDE = N_QUADS + 1;
const uint KEY_FRAGMENTS = KEYS / N, HEAD_FRAGMENTS = HEAD_SIZE / N, HEAD_STEPS = HEAD_SIZE / K;
/* What a subgroup needs in 16 bytes: for its p, and the scores to find maxima in before it; for its rows' maxima, or for
 * what the last step's scores start from. */
#if CONVERSIONS
const uint P_SIZE = 0, MAXIMA_SIZE = M * N_STRIDE;
#else
const uint P_SIZE = WARP_ROWS * (P_STRIDE > N_STRIDE ? P_STRIDE : N_STRIDE), MAXIMA_SIZE = WARP_ROWS / FLOATS;
#endif
/* The maxima come first, where AMD's compiler reads two of them at once; then K and V, whose place Q has at first and the
 * output at last; then p. */
const uint K_TILE = WARPS * MAXIMA_SIZE, V_TILE = K_TILE + KEYS * STRIDE, TILES_END = V_TILE + HEAD_SIZE * V_STRIDE;
const uint ROWS_END = K_TILE + QUERIES * STRIDE, P_TILE = ROWS_END > TILES_END ? ROWS_END : TILES_END;

shared uvec4 tile[P_TILE + WARPS * P_SIZE];

uint thread = gl_LocalInvocationIndex, lane = gl_SubgroupInvocationID;
uint maxima = gl_SubgroupID * MAXIMA_SIZE, p_tile = P_TILE + gl_SubgroupID * P_SIZE;

#if CONVERSIONS
float larger(const in float a, const in float b)
{
    return max(a, b);
}

float added(const in float a, const in float b)
{
    return a + b;
}
#endif

/* 8 columns of row `token` (the last one when there is none) of Q or K (0, 1) of the workgroup's head. */
uvec4 load_chunk(uint which, uint token, uint chunk)
{
    const uint slab = which * params.batch * params.heads + gl_WorkGroupID.y;
    const uint row = slab * params.tokens_padded + min(token, params.tokens - 1);
    return VectorBuffer(params.qkv).v[row * CHUNKS + chunk];
}

/* 8 tokens of a column of V from a step's first on. */
uvec4 load_values(uint first, uint slot)
{
    const uint slab = 2 * params.batch * params.heads + gl_WorkGroupID.y, columns = slab * HEAD_SIZE + slot / V_CHUNKS;
    const uint chunk = min(first / HALVES + slot % V_CHUNKS, params.tokens_padded / HALVES - 1);
    return VectorBuffer(params.qkv).v[columns * (params.tokens_padded / HALVES) + chunk];
}

/* 8 tokens of such a slot with 0 where there is none. Of V what lies there may be NaN, and 0 times that would not be 0. */
uvec4 without_strangers(uvec4 values, uint first, uint slot)
{
    const uint token = first + slot % V_CHUNKS * HALVES;
    const uvec4 low = token + uvec4(0, 2, 4, 6), tokens = uvec4(params.tokens);
    values = mix(values & 0xffffu, values, lessThan(low + 1, tokens));
    return mix(uvec4(0), values, lessThan(low, tokens));
}

/* What the scores of N keys from `first` start from: 0, or far below where there is no key. */
MATRIX(float, Accumulator, M, N) start_scores(uint first)
{
#if CONVERSIONS
    if (first + N <= params.tokens)
        return MATRIX(float, Accumulator, M, N)(0.0);
    if (first >= params.tokens)
        return MATRIX(float, Accumulator, M, N)(LOWEST);
    for (uint slot = lane; slot < M * N_QUADS; slot += SUBGROUP) {
        const uvec4 keys = first + slot % N_QUADS * FLOATS + uvec4(0, 1, 2, 3);
        const vec4 below = mix(vec4(LOWEST), vec4(0), lessThan(keys, uvec4(params.tokens)));
        tile[maxima + slot / N_QUADS * N_STRIDE + slot % N_QUADS] = floatBitsToUint(below);
    }
    subgroupBarrier();
    MATRIX(float, Accumulator, M, N) start;
    coopMatLoad(start, tile, maxima, N_STRIDE, ROW_MAJOR);
    subgroupBarrier();
    return start;
#else
    return MATRIX(float, Accumulator, M, N)(0.0);
#endif
}

void main()
{
    const uint first_query = gl_WorkGroupID.x * QUERIES, warp_row = gl_SubgroupID * WARP_ROWS;
    const uint lane_row = lane % M, lane_part = lane / M;

    [[unroll]] for (uint i = 0; i < ROW_LOADS; i++) {
        const uint slot = i * THREADS + thread;
        tile[K_TILE + slot / CHUNKS * STRIDE + slot % CHUNKS] = load_chunk(0, first_query + slot / CHUNKS, slot % CHUNKS);
    }
    uvec4 next_k[LOADS], next_v[LOADS];
    [[unroll]] for (uint i = 0; i < LOADS; i++) {
        next_k[i] = load_chunk(1, (i * THREADS + thread) / CHUNKS, thread % CHUNKS);
        next_v[i] = load_values(0, i * THREADS + thread);
    }
    barrier();
    MATRIX(float16_t, A, M, K) q[ROWS][HEAD_STEPS];
    MATRIX(float, Accumulator, M, N) o[ROWS][HEAD_FRAGMENTS], highest[ROWS], sum[ROWS];
    float lane_highest[ROWS];
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        [[unroll]] for (uint k = 0; k < HEAD_STEPS; k++)
            coopMatLoad(q[i][k], tile, K_TILE + (warp_row + i * M) * STRIDE + k * (K / HALVES), STRIDE, ROW_MAJOR);
        [[unroll]] for (uint j = 0; j < HEAD_FRAGMENTS; j++)
            o[i][j] = MATRIX(float, Accumulator, M, N)(0.0);
        highest[i] = MATRIX(float, Accumulator, M, N)(LOWEST);
        sum[i] = MATRIX(float, Accumulator, M, N)(0.0);
        lane_highest[i] = LOWEST;
    }

    uint first_key = 0;
    do {
        barrier();
        [[unroll]] for (uint i = 0; i < LOADS; i++) {
            const uint slot = i * THREADS + thread;
            if (first_key + KEYS > params.tokens)
                next_v[i] = without_strangers(next_v[i], first_key, slot);
            tile[K_TILE + slot / CHUNKS * STRIDE + slot % CHUNKS] = next_k[i];
            tile[V_TILE + slot / V_CHUNKS * V_STRIDE + slot % V_CHUNKS] = next_v[i];
        }
        barrier();
        [[unroll]] for (uint i = 0; i < LOADS; i++) {
            const uint slot = i * THREADS + thread;
            next_k[i] = load_chunk(1, first_key + KEYS + slot / CHUNKS, slot % CHUNKS);
            next_v[i] = load_values(first_key + KEYS, slot);
        }

        MATRIX(float, Accumulator, M, N) s[ROWS][KEY_FRAGMENTS];
        [[unroll]] for (uint j = 0; j < KEY_FRAGMENTS; j++) {
            const MATRIX(float, Accumulator, M, N) start = start_scores(first_key + j * N);
            [[unroll]] for (uint i = 0; i < ROWS; i++)
                s[i][j] = start;
            [[unroll]] for (uint k = 0; k < HEAD_STEPS; k++) {
                MATRIX(float16_t, B, K, N) keys;
                coopMatLoad(keys, tile, K_TILE + j * N * STRIDE + k * (K / HALVES), STRIDE, COLUMN_MAJOR);
                [[unroll]] for (uint i = 0; i < ROWS; i++)
                    s[i][j] = coopMatMulAdd(q[i][k], keys, s[i][j]);
            }
        }

        MATRIX(float, Accumulator, M, N) higher[ROWS];
        [[unroll]] for (uint i = 0; i < ROWS; i++) {
            MATRIX(float, Accumulator, M, N) most = s[i][0];
            [[unroll]] for (uint j = 1; j < KEY_FRAGMENTS; j++)
                for (uint e = 0; e < most.length(); e++)
                    most[e] = max(most[e], s[i][j][e]);
#if CONVERSIONS
            coopMatReduceNV(higher[i], most, gl_CooperativeMatrixReduceRowNV, larger);
            for (uint e = 0; e < most.length(); e++)
                higher[i][e] = max(higher[i][e], highest[i][e]);
        }
#else
            coopMatStore(most, tile, p_tile + i * M * N_STRIDE, N_STRIDE, ROW_MAJOR);
        }
        subgroupBarrier();
        [[unroll]] for (uint i = 0; i < ROWS; i++) {
            const uint row = (i * M + lane_row) * N_STRIDE;
            for (uint quad = 0; quad < N_QUADS; quad++) {
                const vec4 scores = uintBitsToFloat(tile[p_tile + row + quad]);
                const float most = max(max(scores.x, scores.y), max(scores.z, scores.w));
                lane_highest[i] = max(lane_highest[i], most);
            }
            if (lane_part == 0)
                tile[maxima + (i * M + lane_row) / FLOATS][lane_row % FLOATS] = floatBitsToUint(lane_highest[i]);
        }
        subgroupBarrier();
        [[unroll]] for (uint i = 0; i < ROWS; i++)
            coopMatLoad(higher[i], tile, maxima + i * (M / FLOATS), 0, COLUMN_MAJOR);
#endif
        [[unroll]] for (uint i = 0; i < ROWS; i++) {
            MATRIX(float, Accumulator, M, N) scale;
            for (uint e = 0; e < scale.length(); e++) {
                scale[e] = exp2(highest[i][e] - higher[i][e]);
                sum[i][e] *= scale[e];
            }
            highest[i] = higher[i];
            [[unroll]] for (uint j = 0; j < HEAD_FRAGMENTS; j++)
                for (uint e = 0; e < scale.length(); e++)
                    o[i][j][e] *= scale[e];
            [[unroll]] for (uint j = 0; j < KEY_FRAGMENTS; j++) {
                for (uint e = 0; e < scale.length(); e++)
                    s[i][j][e] = exp2(s[i][j][e] - higher[i][e]);
#if CONVERSIONS
                for (uint e = 0; e < scale.length(); e++)
                    sum[i][e] += s[i][j][e]; /* of a part of the columns: of all of them in the end */
#else
                coopMatStore(MATRIX(float16_t, Accumulator, M, N)(s[i][j]), tile,
                             p_tile + i * M * P_STRIDE + j * (N / HALVES), P_STRIDE, ROW_MAJOR);
#endif
            }
        }

#if !CONVERSIONS
        subgroupBarrier();
        if (first_key + KEYS > params.tokens) {
            for (uint slot = lane; slot < WARP_ROWS * V_CHUNKS; slot += SUBGROUP) {
                const uint at = p_tile + slot / V_CHUNKS * P_STRIDE + slot % V_CHUNKS;
                tile[at] = without_strangers(tile[at], first_key, slot);
            }
            subgroupBarrier();
        }
        const MATRIX(float16_t, B, K, N) ones = MATRIX(float16_t, B, K, N)(1.0);
#endif
        [[unroll]] for (uint k = 0; k < KEYS / K; k++) {
            MATRIX(float16_t, A, M, K) p[ROWS];
            [[unroll]] for (uint i = 0; i < ROWS; i++) {
#if CONVERSIONS
                p[i] = MATRIX(float16_t, A, M, K)(s[i][k]);
#else
                coopMatLoad(p[i], tile, p_tile + i * M * P_STRIDE + k * (K / HALVES), P_STRIDE, ROW_MAJOR);
                sum[i] = coopMatMulAdd(p[i], ones, sum[i]);
#endif
            }
            [[unroll]] for (uint j = 0; j < HEAD_FRAGMENTS; j++) {
                MATRIX(float16_t, B, K, N) values;
                coopMatLoad(values, tile, V_TILE + j * N * V_STRIDE + k * (K / HALVES), V_STRIDE, COLUMN_MAJOR);
                [[unroll]] for (uint i = 0; i < ROWS; i++)
                    o[i][j] = coopMatMulAdd(p[i], values, o[i][j]);
            }
        }
        first_key += KEYS;
    } while (first_key < params.tokens);

    barrier();
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        MATRIX(float, Accumulator, M, N) whole = sum[i];
#if CONVERSIONS
        coopMatReduceNV(whole, sum[i], gl_CooperativeMatrixReduceRowNV, added);
#endif
        [[unroll]] for (uint j = 0; j < HEAD_FRAGMENTS; j++) {
            for (uint e = 0; e < whole.length(); e++)
                o[i][j][e] /= whole[e];
            coopMatStore(MATRIX(float16_t, Accumulator, M, N)(o[i][j]), tile,
                         K_TILE + (warp_row + i * M) * STRIDE + j * (N / HALVES), STRIDE, ROW_MAJOR);
        }
    }
    barrier();
    const uint image = gl_WorkGroupID.y / params.heads, head = gl_WorkGroupID.y % params.heads;
    [[unroll]] for (uint i = 0; i < ROW_LOADS; i++) {
        const uint slot = i * THREADS + thread, query = first_query + slot / CHUNKS;
        const uint column = head * HEAD_SIZE + slot % CHUNKS * HALVES;
        const uint to = panel_index(params.batch * params.tokens, image * params.tokens + query, column);
        if (query < params.tokens)
            VectorBuffer(params.out).v[to / HALVES] = tile[K_TILE + slot / CHUNKS * STRIDE + slot % CHUNKS];
    }
}
