/* Flash attention: out = softmax2(Q K^T) V for one head of one image, QUERIES rows a workgroup.
 *
 * Keys come in tiles of 32. A row's running maximum m and sum l make each tile's part right afterwards (Milakov and
 * Gimelshein, "Online normalizer calculation for softmax"; Dao et al., "FlashAttention"):
 *     m' = max(m, max(s)),  p = 2^(s - m'),  l' = l 2^(m - m') + sum(p),  o' = o 2^(m - m') + p V.
 * A thread holds 4 rows x 4 keys of scores and 4 rows x 8 columns of the output; 8 threads share a row. K and V take
 * turns in one tile of shared memory while the next one is on its way into registers. Both products are of rows that lie
 * side by side: K's keys have 64 columns, V's columns 32 keys.
 */
#version 460
#include "types.glsl"
#include "attention.h"

layout(constant_id = 0) const uint QUERIES = 64;
layout(local_size_x_id = 1) in; /* QUERIES / 4 * 8 */

const uint KEYS = 32, QUADS = HEAD_SIZE / 4, V_QUADS = KEYS / 4;
const uint ROW_THREADS = QUERIES / 4, KEY_THREADS = KEYS / 4, THREADS = ROW_THREADS * KEY_THREADS;
const uint QUERY_LOADS = QUERIES * QUADS / THREADS, LOADS = KEYS * QUADS / THREADS;
const float LOWEST = -1e30; /* below any score; finite, so that LOWEST - LOWEST is 0 */

shared vec4 query_tile[QUERIES * QUADS];
shared vec4 tile[KEYS * QUADS];           /* of K, then of V */
shared vec4 p_tile[QUERIES * KEY_THREADS]; /* each thread's maxima, then p */

/* Where 4 numbers of a row of `quads` times as many lie in the tile: turned by row / 4, so that threads at rows 4 apart read
 * different banks. */
uint tile_index(uint row, uint quad, uint quads)
{
    return row * quads + (quad ^ (row / 4 % 8));
}

float dot_added(vec4 a, vec4 b, float sum)
{
    return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

/* 4 columns of row `token` (the last one when there is none) of Q or K (0, 1) of the workgroup's head. */
vec4 load_quad(uint which, uint token, uint quad)
{
    const uint slab = which * params.batch * params.heads + gl_WorkGroupID.y;
    const uint row = slab * params.tokens_padded + min(token, params.tokens - 1);
    return vec4(Activation4Buffer(params.qkv).v[row * QUADS + quad]);
}

/* 4 tokens of a column of V, from a step's first on. */
vec4 load_values(uint first, uint slot)
{
    const uint slab = 2 * params.batch * params.heads + gl_WorkGroupID.y, quads = params.tokens_padded / 4;
    const uint quad = min(first / 4 + slot % V_QUADS, quads - 1);
    return vec4(Activation4Buffer(params.qkv).v[(slab * HEAD_SIZE + slot / V_QUADS) * quads + quad]);
}

/* The same with 0 where there is no token: what lies there may be NaN, and 0 times that would not be 0. */
vec4 without_strangers(vec4 values, uint first, uint slot)
{
    const uvec4 tokens = first + slot % V_QUADS * 4 + uvec4(0, 1, 2, 3);
    return mix(vec4(0), values, lessThan(tokens, uvec4(params.tokens)));
}

void main()
{
    const uint thread = gl_LocalInvocationIndex;
    const uint row_thread = thread / KEY_THREADS, key_thread = thread % KEY_THREADS;
    const uint first_query = gl_WorkGroupID.x * QUERIES;

    [[unroll]] for (uint i = 0; i < QUERY_LOADS; i++) {
        const uint slot = i * THREADS + thread;
        query_tile[slot] = load_quad(0, first_query + slot / QUADS, slot % QUADS);
    }
    vec4 next[LOADS];
    [[unroll]] for (uint i = 0; i < LOADS; i++)
        next[i] = load_quad(1, (i * THREADS + thread) / QUADS, thread % QUADS);

    vec4 o[4][2];
    float m[4], l[4];
    [[unroll]] for (uint i = 0; i < 4; i++) {
        o[i][0] = o[i][1] = vec4(0);
        m[i] = LOWEST;
        l[i] = 0;
    }

    uint first_key = 0;
    do {
        [[unroll]] for (uint i = 0; i < LOADS; i++)
            tile[tile_index((i * THREADS + thread) / QUADS, thread % QUADS, QUADS)] = next[i];
        barrier();
        [[unroll]] for (uint i = 0; i < LOADS; i++)
            next[i] = load_values(first_key, i * THREADS + thread);

        vec4 s[4];
        [[unroll]] for (uint i = 0; i < 4; i++)
            s[i] = vec4(0);
        for (uint quad = 0; quad < QUADS; quad++) {
            vec4 q[4];
            [[unroll]] for (uint i = 0; i < 4; i++)
                q[i] = query_tile[(i * ROW_THREADS + row_thread) * QUADS + quad];
            [[unroll]] for (uint j = 0; j < 4; j++) {
                const vec4 k = tile[tile_index(key_thread * 4 + j, quad, QUADS)];
                [[unroll]] for (uint i = 0; i < 4; i++)
                    s[i][j] = dot_added(q[i], k, s[i][j]);
            }
        }
        [[unroll]] for (uint i = 0; i < 4; i++) {
            [[unroll]] for (uint j = 0; j < 4; j++)
                s[i][j] = first_key + key_thread * 4 + j < params.tokens ? s[i][j] : LOWEST;
            const float highest = max(max(s[i].x, s[i].y), max(s[i].z, s[i].w));
            p_tile[(i * ROW_THREADS + row_thread) * KEY_THREADS + key_thread].x = highest;
        }
        barrier();

        [[unroll]] for (uint i = 0; i < LOADS; i++) {
            const uint slot = i * THREADS + thread;
            if (first_key + KEYS > params.tokens)
                next[i] = without_strangers(next[i], first_key, slot);
            tile[tile_index(slot / V_QUADS, slot % V_QUADS, V_QUADS)] = next[i];
        }
        [[unroll]] for (uint i = 0; i < 4; i++) {
            float highest = m[i];
            [[unroll]] for (uint j = 0; j < KEY_THREADS; j++)
                highest = max(highest, p_tile[(i * ROW_THREADS + row_thread) * KEY_THREADS + j].x);
            const float scale = exp2(m[i] - highest);
            m[i] = highest;
            s[i] = exp2(s[i] - highest);
            l[i] = l[i] * scale + (s[i].x + s[i].y) + (s[i].z + s[i].w);
            o[i][0] *= scale;
            o[i][1] *= scale;
        }
        barrier();

        first_key += KEYS;
        [[unroll]] for (uint i = 0; i < LOADS; i++)
            next[i] = load_quad(1, first_key + (i * THREADS + thread) / QUADS, thread % QUADS);
        [[unroll]] for (uint i = 0; i < 4; i++)
            p_tile[(i * ROW_THREADS + row_thread) * KEY_THREADS + key_thread] = s[i];
        barrier();

        for (uint key_quad = 0; key_quad < KEY_THREADS; key_quad++) {
            vec4 p[4];
            [[unroll]] for (uint i = 0; i < 4; i++)
                p[i] = p_tile[(i * ROW_THREADS + row_thread) * KEY_THREADS + key_quad];
            [[unroll]] for (uint j = 0; j < 2; j++) {
                [[unroll]] for (uint k = 0; k < 4; k++) {
                    const vec4 v = tile[tile_index((j * KEY_THREADS + key_thread) * 4 + k, key_quad, V_QUADS)];
                    [[unroll]] for (uint i = 0; i < 4; i++)
                        o[i][j][k] = dot_added(p[i], v, o[i][j][k]);
                }
            }
        }
        barrier();
    } while (first_key < params.tokens);

    /* Each of a row's 8 threads summed its own keys. */
    [[unroll]] for (uint i = 0; i < 4; i++)
        p_tile[(i * ROW_THREADS + row_thread) * KEY_THREADS + key_thread].x = l[i];
    barrier();
    const uint image = gl_WorkGroupID.y / params.heads, head = gl_WorkGroupID.y % params.heads;
    [[unroll]] for (uint i = 0; i < 4; i++) {
        float sum = 0;
        [[unroll]] for (uint j = 0; j < KEY_THREADS; j++)
            sum += p_tile[(i * ROW_THREADS + row_thread) * KEY_THREADS + j].x;
        const uint query = first_query + i * ROW_THREADS + row_thread;
        if (query < params.tokens)
            [[unroll]] for (uint j = 0; j < 2; j++) {
                const uint column = head * HEAD_SIZE + (j * KEY_THREADS + key_thread) * 4;
                const uint to = panel_index(params.batch * params.tokens, image * params.tokens + query, column);
                Activation4Buffer(params.out).v[to / 4] = ACTIVATION4(o[i][j] / sum);
            }
    }
}
