/* Flash attention for CPU drivers with subgroups of 8: out = softmax2(Q K^T) V for one head of one image.
 *
 * Lanes are query rows, two to a lane; rows of Q and of the output stay in registers, elements of K and V are
 * broadcast through subgroup-uniform addresses. Running maximum and sum as in attention.comp, 6 keys a step, the
 * remaining ones one by one. The compiler would load all of K early and spill it: every few columns the address
 * is therefore made anew by adding an unknown zero, which keeps loads beside their use.
 */
#version 460
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_shader_subgroup_basic : require
#include "types.glsl"
#include "attention_cpu.h"

layout(local_size_x = 8) in;

const uint QUERIES = 16, KEYS = 6, ROW_BYTES = HEAD_SIZE * 4;
const uint K_GROUP = 4, V_GROUP = 8; /* columns an address serves */
const float LOWEST = -1e30;           /* below any score; finite, so that LOWEST - LOWEST is 0 */

layout(buffer_reference, scalar, buffer_reference_align = 8) buffer PairBuffer {
    uint64_t v[];
};

/* Of the lane's two rows. */
vec2 q[HEAD_SIZE], o[HEAD_SIZE];
vec2 m, l;

/* Another zero for each i < 32, as far as the compiler knows. */
uint zero(uint i)
{
    return params.zero >> i & 1;
}

/* Takes `count` keys (at most KEYS) into o, m and l. */
void attend(uint64_t k, uint64_t v, const uint count)
{
    vec2 s[KEYS];
    [[unroll]] for (uint j = 0; j < count; j++)
        s[j] = vec2(0);
    [[unroll]] for (uint d = 0; d < HEAD_SIZE; d += K_GROUP) {
        FloatBuffer keys = FloatBuffer(k + zero(d / K_GROUP));
        [[unroll]] for (uint i = d; i < d + K_GROUP; i++)
            [[unroll]] for (uint j = 0; j < count; j++)
                s[j] = fma(vec2(keys.v[j * HEAD_SIZE + i]), q[i], s[j]);
    }
    vec2 highest = m, sum = vec2(0);
    [[unroll]] for (uint j = 0; j < count; j++)
        highest = max(highest, s[j]);
    [[unroll]] for (uint j = 0; j < count; j++) {
        s[j] = exp2(s[j] - highest);
        sum += s[j];
    }
    const vec2 scale = exp2(m - highest);
    m = highest;
    l = l * scale + sum;
    [[unroll]] for (uint d = 0; d < HEAD_SIZE; d += V_GROUP) {
        FloatBuffer values = FloatBuffer(v + zero(HEAD_SIZE / K_GROUP + d / V_GROUP));
        [[unroll]] for (uint i = d; i < d + V_GROUP; i++) {
            o[i] *= scale;
            [[unroll]] for (uint j = 0; j < count; j++)
                o[i] = fma(vec2(values.v[j * HEAD_SIZE + i]), s[j], o[i]);
        }
    }
}

void main()
{
    const uint heads = params.heads, tokens = params.tokens;
    const uint image = gl_WorkGroupID.y / heads, head = gl_WorkGroupID.y % heads;
    const uint64_t slab_bytes = uint64_t(params.tokens_padded) * ROW_BYTES;
    const uint64_t third_bytes = slab_bytes * (params.batch * heads);
    const uint query = gl_WorkGroupID.x * QUERIES + gl_SubgroupInvocationID;

    const uint64_t slab = packUint2x32(params.qkv) + gl_WorkGroupID.y * slab_bytes;
    PairBuffer first = PairBuffer(slab + query * ROW_BYTES), second = PairBuffer(slab + (query + 8) * ROW_BYTES);
    [[unroll]] for (uint d = 0; d < HEAD_SIZE; d += 2) {
        const vec2 a = uintBitsToFloat(unpackUint2x32(first.v[d / 2]));
        const vec2 b = uintBitsToFloat(unpackUint2x32(second.v[d / 2]));
        q[d] = vec2(a.x, b.x);
        q[d + 1] = vec2(a.y, b.y);
        o[d] = o[d + 1] = vec2(0);
    }
    m = vec2(LOWEST);
    l = vec2(0);

    uint64_t k = slab + third_bytes, v = k + third_bytes;
    uint left = tokens;
    if (left >= KEYS)
        do {
            attend(k, v, KEYS);
            k += KEYS * ROW_BYTES;
            v += KEYS * ROW_BYTES;
            left -= KEYS;
        } while (left >= KEYS);
    if (left > 0)
        do {
            attend(k, v, 1);
            k += ROW_BYTES;
            v += ROW_BYTES;
            left--;
        } while (left > 0);

    const vec2 scale = 1.0 / l;
    [[unroll]] for (uint i = 0; i < 2; i++) {
        const uint token = query + 8 * i;
        if (token < tokens)
            [[unroll]] for (uint d = 0; d < HEAD_SIZE; d += 2) {
                const uint to = panel_index(params.batch * tokens, image * tokens + token, head * HEAD_SIZE + d);
                const vec2 pair = vec2(o[d][i] * scale[i], o[d + 1][i] * scale[i]);
                PairBuffer(params.out).v[to / 2] = packUint2x32(floatBitsToUint(pair));
            }
    }
}
