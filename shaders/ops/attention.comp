/* Flash attention: out = softmax2(Q K^T) V for one head of one image, QUERIES rows a workgroup.
 *
 * Keys come in tiles of 32. A row's running maximum m and sum l make each tile's part right afterwards (Milakov and
 * Gimelshein, "Online normalizer calculation for softmax"; Dao et al., "FlashAttention"):
 *     m' = max(m, max(s)),  p = 2^(s - m'),  l' = l 2^(m - m') + sum(p),  o' = o 2^(m - m') + p V.
 * A thread holds 4 rows x 4 keys of scores and 4 rows x 8 columns of the output; 8 threads share a row. K and V take
 * turns in one tile of shared memory while the next one is on its way into registers.
 */
#version 460
#include "types.glsl"
#include "attention.h"

layout(constant_id = 0) const uint QUERIES = 64;
layout(local_size_x_id = 1) in; /* QUERIES / 4 * 8 */

const uint KEYS = 32, QUADS = HEAD_SIZE / 4;
const uint ROW_THREADS = QUERIES / 4, KEY_THREADS = KEYS / 4, THREADS = ROW_THREADS * KEY_THREADS;
const uint QUERY_LOADS = QUERIES * QUADS / THREADS, LOADS = KEYS * QUADS / THREADS;
const float LOWEST = -1e30; /* below any score; finite, so that LOWEST - LOWEST is 0 */

shared vec4 query_tile[QUERIES * QUADS];
shared vec4 tile[KEYS * QUADS];           /* of K, then of V */
shared vec4 p_tile[QUERIES * KEY_THREADS]; /* each thread's maxima, then p */

/* Where 4 columns of a key lie in the tile: turned by key / 4, so that threads at keys 4 apart read different banks. */
uint tile_index(uint key, uint quad)
{
    return key * QUADS + (quad ^ (key / 4 % 8));
}

/* 4 columns of row `token` (the last one when there is none) of Q, K or V (0, 1, 2) of the workgroup's head. */
vec4 load_quad(uint which, uint token, uint quad)
{
    const uint slab = which * params.batch * params.heads + gl_WorkGroupID.y;
    const uint row = slab * params.tokens_padded + min(token, params.tokens - 1);
    return vec4(Activation4Buffer(params.qkv).v[row * QUADS + quad]);
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
            tile[tile_index((i * THREADS + thread) / QUADS, thread % QUADS)] = next[i];
        barrier();
        [[unroll]] for (uint i = 0; i < LOADS; i++)
            next[i] = load_quad(2, first_key + (i * THREADS + thread) / QUADS, thread % QUADS);

        vec4 s[4];
        [[unroll]] for (uint i = 0; i < 4; i++)
            s[i] = vec4(0);
        for (uint quad = 0; quad < QUADS; quad++) {
            vec4 q[4];
            [[unroll]] for (uint i = 0; i < 4; i++)
                q[i] = query_tile[(i * ROW_THREADS + row_thread) * QUADS + quad];
            [[unroll]] for (uint j = 0; j < 4; j++) {
                const vec4 k = tile[tile_index(key_thread * 4 + j, quad)];
                [[unroll]] for (uint i = 0; i < 4; i++)
                    s[i][j] += dot(q[i], k);
            }
        }
        [[unroll]] for (uint i = 0; i < 4; i++) {
            [[unroll]] for (uint j = 0; j < 4; j++)
                s[i][j] = first_key + key_thread * 4 + j < params.tokens ? s[i][j] : LOWEST;
            const float highest = max(max(s[i].x, s[i].y), max(s[i].z, s[i].w));
            p_tile[(i * ROW_THREADS + row_thread) * KEY_THREADS + key_thread].x = highest;
        }
        barrier();

        [[unroll]] for (uint i = 0; i < LOADS; i++)
            tile[tile_index((i * THREADS + thread) / QUADS, thread % QUADS)] = next[i];
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
            [[unroll]] for (uint k = 0; k < 4; k++) {
                [[unroll]] for (uint j = 0; j < 2; j++) {
                    const vec4 v = tile[tile_index(key_quad * 4 + k, j * KEY_THREADS + key_thread)];
                    [[unroll]] for (uint i = 0; i < 4; i++)
                        o[i][j] = fma(vec4(p[i][k]), v, o[i][j]);
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
