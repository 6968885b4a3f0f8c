/* GEMM for CPU drivers with subgroups of 8: out = epilogue(A * B^T + bias).
 *
 * A subgroup makes a strip of A's rows x 16 columns, held in registers with some to spare: a strip of 6 would fill them,
 * and the compiler spill. Each element of A is broadcast; 8 neighbouring elements of B are one vector load. A strip and
 * a panel of B are each one stream through memory. B is packed [n/16][k][16] with its even columns before its odd ones, so that lane l
 * owns columns 2l and 2l+1, stores them together, and has a gate beside its up value. The driver makes good code
 * only of this form: addresses that are plain sums of subgroup-uniform 64-bit values, K unrolled in a do-while that
 * counts as include/lanes.glsl explains, push constants and the lane read before it.
 *
 * Workgroups run in the order x, y, z: x passes the rows of a block, which stays in the last cache, under one panel of
 * B, which stays in the core's own; y goes through the panels, z through the blocks.
 */
#version 460
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "types.glsl"
#include "gemm.h"
#include "gemm_epilogue.glsl"
#include "lanes.glsl"

layout(constant_id = 0) const uint EPILOGUE = GEMM_EXACT;
layout(local_size_x = 32) in;

const uint SUBGROUPS = 4, PANEL_BYTES = PANEL * 4;
const uint PANELS = 2; /* a round of the loop: with one it is 10 % slower, with four no faster */

layout(buffer_reference, scalar, buffer_reference_align = 8) buffer PairBuffer {
    uint64_t v[];
};

vec2 load_pair(uvec2 address, uint i)
{
    return uintBitsToFloat(unpackUint2x32(PairBuffer(address).v[i / 2]));
}

void store_pair(uvec2 address, uint i, vec2 pair)
{
    PairBuffer(address).v[i / 2] = packUint2x32(floatBitsToUint(pair));
}

void store(uint row, uint column, vec2 value)
{
    if (EPILOGUE == GEMM_HEADS) {
        store_pair(params.out, head_index(row, column), value);
        return;
    }
    const uint to = stored_row(row);
    if (EPILOGUE == GEMM_SWIGLU) {
        const uint i = activation_index(params.out_rows, params.n / 2, to, column / 2);
        FloatBuffer(params.out).v[i] = silu(value.x) * value.y;
        return;
    }
    if (EPILOGUE == GEMM_ADD) {
        const uint from = params.addend_group != 0 ? row % params.addend_group : to;
        value += load_pair(params.addend, panel_index(params.addend_rows, from, column));
    }
    if (EPILOGUE == GEMM_RELU)
        value = vec2(relu(value.x), relu(value.y));
    if (EPILOGUE == GEMM_GELU)
        value = vec2(gelu(value.x), gelu(value.y));
    const bool exact = EPILOGUE == GEMM_EXACT || EPILOGUE == GEMM_ADD;
    store_pair(params.out,
               exact ? panel_index(params.out_rows, to, column)
                     : activation_index(params.out_rows, params.n, to, column),
               value);
}

void main()
{
    const uint m = params.m, steps = params.k / (PANELS * PANEL);
    const uint group = gl_WorkGroupID.z * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    const uint strip = group * SUBGROUPS + gl_SubgroupID, first = strip * STRIP;
    if (first >= m)
        return;
    const uint column = gl_WorkGroupID.y * PANEL + 2 * lane;

    const uint64_t a = packUint2x32(params.a) + strip * uint64_t(params.a_columns * (STRIP * 4));
    const uint64_t b = packUint2x32(params.b) + gl_WorkGroupID.y * uint64_t(params.k * PANEL_BYTES);
    vec2 sum[STRIP];
    [[unroll]] for (uint row = 0; row < STRIP; row++)
        sum[row] = load_pair(params.bias, column);

    uint counter = lane, step;
    do {
        step = subgroupBroadcast(counter, 0);
        FloatBuffer rows = FloatBuffer(a + step * uint64_t(PANELS * STRIP * PANEL_BYTES));
        FloatBuffer columns = FloatBuffer(b + step * uint64_t(PANELS * PANEL * PANEL_BYTES));
        [[unroll]] for (uint panel = 0; panel < PANELS; panel++)
            [[unroll]] for (uint k = 0; k < PANEL; k++) {
                const vec2 factor = load_16(columns, (panel * PANEL + k) * PANEL);
                [[unroll]] for (uint row = 0; row < STRIP; row++)
                    sum[row] = fma(vec2(rows.v[(panel * STRIP + row) * PANEL + k]), factor, sum[row]);
            }
        counter++;
    } while (step + 1 < steps);

    /* The last strip's rows that are not there are computed, and not stored. */
    [[unroll]] for (uint row = 0; row < STRIP; row++)
        if (first + row < m)
            store(first + row, column, sum[row]);
}
