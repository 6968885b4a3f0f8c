/* GEMM for CPU drivers with subgroups of 8: out = epilogue(A * B^T + bias).
 *
 * A subgroup makes 6 rows x 16 columns, held in registers. Each element of A is broadcast; 8 neighbouring elements
 * of B are one vector load. B is packed [n/16][k][16] with its even columns before its odd ones, so that lane l
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

const uint SUBGROUPS = 4, ROWS = 6, PANEL_BYTES = PANEL * 4;

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
        FloatBuffer(params.out).v[panel_index(params.out_rows, to, column / 2)] = silu(value.x) * value.y;
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
    store_pair(params.out, panel_index(params.out_rows, to, column), value);
}

void main()
{
    const uint m = params.m, steps = params.k / PANEL;
    const uint64_t panel_bytes = uint64_t(m) * PANEL_BYTES;
    /* The last rows come again with a full block before them, so that no row is read after the last one. */
    const uint group = gl_WorkGroupID.z * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    const uint first = (group * SUBGROUPS + gl_SubgroupID) * ROWS;
    if (first >= m)
        return;
    const uint base = min(first, max(m, ROWS) - ROWS);
    const uint column = gl_WorkGroupID.y * PANEL + 2 * lane;

    const uint64_t a = packUint2x32(params.a) + uint64_t(base) * PANEL_BYTES;
    const uint64_t b = packUint2x32(params.b) + uint64_t(gl_WorkGroupID.y) * (params.k * PANEL_BYTES);
    vec2 sum[ROWS];
    [[unroll]] for (uint row = 0; row < ROWS; row++)
        sum[row] = load_pair(params.bias, column);

    /* A matrix of fewer than 6 rows is read past its end, but never by more than 256 bytes: 4 rows. */
    const uint last = min(m, ROWS) - 1;

    uint counter = lane, step;
    do {
        step = subgroupBroadcast(counter, 0);
        FloatBuffer rows = FloatBuffer(a + step * panel_bytes);
        FloatBuffer columns = FloatBuffer(b + step * uint64_t(PANEL * PANEL_BYTES));
        [[unroll]] for (uint k = 0; k < PANEL; k++) {
            const vec2 factor = load_16(columns, k * PANEL);
            [[unroll]] for (uint row = 0; row < ROWS; row++)
                sum[row] = fma(vec2(rows.v[(row < ROWS - 1 ? row : last) * PANEL + k]), factor, sum[row]);
        }
        counter++;
    } while (step + 1 < steps);

    [[unroll]] for (uint row = 0; row < ROWS; row++)
        if (base + row >= first && base + row < m)
            store(base + row, column, sum[row]);
}
