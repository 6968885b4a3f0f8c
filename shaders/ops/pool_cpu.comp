/* Attention pooling for CPU drivers with subgroups of 8: what pool.comp computes, in the form gemm_cpu.comp explains.
 * A subgroup makes 6 rows (class and head) x 16 columns; lane l owns columns l and l + 8. The memory's panels already
 * lie as the factor that is loaded by vectors. */
#version 460
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "types.glsl"

#include "pool.h"

#include "lanes.glsl"

layout(local_size_x = 32) in;

const uint SUBGROUPS = 4, ROWS = 6, STEP = 16, HEADS = 8, PANEL_BYTES = PANEL * 4;

void store(uint image, uint row, uint panel, vec2 value)
{
    uint out_panel = row % HEADS * (params.width / PANEL) + panel;
    uint out_row = image * params.classes + row / HEADS;
    uint to = (out_panel * params.batch * params.classes + out_row) * PANEL + lane;
    FloatBuffer(params.out).v[to] = value.x;
    FloatBuffer(params.out).v[to + 8] = value.y;
}

/* One patch, `k` after those that the addresses are at. */
void add_patch(uint64_t weights, uint64_t row_bytes, FloatBuffer memory, uint k, inout vec2 sums[ROWS])
{
    const vec2 factor = load_16(memory, k * PANEL);
    [[unroll]] for (uint row = 0; row < ROWS; row++)
        sums[row] = fma(vec2(FloatBuffer(weights + row * row_bytes).v[k]), factor, sums[row]);
}

void main()
{
    const uint rows = params.classes * HEADS, patches = params.patches;
    const uint panel = gl_WorkGroupID.y, image = gl_WorkGroupID.z;
    const uint64_t row_bytes = uint64_t(patches) * 4;
    /* The last rows come again with a full block before them, so that no row is read after the last one. */
    const uint first = (gl_WorkGroupID.x * SUBGROUPS + gl_SubgroupID) * ROWS, base = min(first, rows - ROWS);

    uint64_t weights = packUint2x32(params.weights) + uint64_t(image * params.columns + base) * row_bytes;
    uint64_t memory =
        packUint2x32(params.memory) + (uint64_t(panel * params.batch + image) * patches) * PANEL_BYTES;
    vec2 sums[ROWS];
    [[unroll]] for (uint row = 0; row < ROWS; row++)
        sums[row] = vec2(0);

    const uint steps = patches / STEP, rest = patches % STEP;
    uint counter = lane, step;
    if (steps > 0) {
        do {
            step = subgroupBroadcast(counter, 0);
            FloatBuffer columns = FloatBuffer(memory + step * uint64_t(STEP * PANEL_BYTES));
            [[unroll]] for (uint k = 0; k < STEP; k++)
                add_patch(weights + step * (STEP * 4), row_bytes, columns, k, sums);
            counter++;
        } while (step + 1 < steps);
    }
    weights += steps * (STEP * 4);
    memory += steps * uint64_t(STEP * PANEL_BYTES);
    counter = lane;
    if (rest > 0) {
        do {
            step = subgroupBroadcast(counter, 0);
            add_patch(weights + step * 4, row_bytes, FloatBuffer(memory + step * PANEL_BYTES), 0, sums);
            counter++;
        } while (step + 1 < rest);
    }

    [[unroll]] for (uint row = 0; row < ROWS; row++)
        if (base + row >= first)
            store(image, base + row, panel, sums[row]);
}
