/* Attention pooling for CPU drivers with subgroups of 8: what pool.comp computes, in the form gemm_cpu.comp explains.
 * A subgroup makes 6 rows (class and head) x 16 columns; lane l owns columns l and l + 8. A row of the memory's strips
 * lies as the factor that is loaded by vectors. */
#version 460
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "types.glsl"

#include "pool.h"

#include "lanes.glsl"

layout(local_size_x = 32) in;

const uint SUBGROUPS = 4, ROWS = 6, HEADS = 8, PANEL_BYTES = PANEL * 4;

void store(uint image, uint row, uint panel, vec2 value)
{
    const uint rows = params.batch * params.classes, columns = HEADS * params.width;
    const uint to = activation_index(rows, columns, image * params.classes + row / HEADS,
                                     row % HEADS * params.width + panel * PANEL) +
                    lane;
    FloatBuffer(params.out).v[to] = value.x;
    FloatBuffer(params.out).v[to + 8] = value.y;
}

/* `count` patches in a row, of which the addresses name the first. */
void add_patches(uint64_t weights, uint64_t row_bytes, uint64_t memory, const uint count, inout vec2 sums[ROWS])
{
    FloatBuffer values = FloatBuffer(memory);
    [[unroll]] for (uint k = 0; k < count; k++) {
        const vec2 factor = load_16(values, k * PANEL);
        [[unroll]] for (uint row = 0; row < ROWS; row++)
            sums[row] = fma(vec2(FloatBuffer(weights + row * row_bytes).v[k]), factor, sums[row]);
    }
}

/* `count` patches one by one: those of an image before its first whole strip and after its last. `row` is the first
 * one's row of the memory. */
void add_single(uint64_t weights, uint64_t row_bytes, uint64_t memory, uint row, uint count, inout vec2 sums[ROWS])
{
    uint counter = lane, step;
    if (count > 0) {
        do {
            step = subgroupBroadcast(counter, 0);
            const uint strip = (row + step) / STRIP, rest = (row + step) % STRIP;
            add_patches(weights + step * 4, row_bytes,
                        memory + strip * uint64_t(params.width * (STRIP * 4)) + rest * PANEL_BYTES, 1, sums);
            counter++;
        } while (step + 1 < count);
    }
}

void main()
{
    const uint rows = params.classes * HEADS, patches = params.patches;
    const uint panel = gl_WorkGroupID.y, image = gl_WorkGroupID.z;
    const uint64_t row_bytes = uint64_t(patches) * 4, strip_bytes = uint64_t(params.width * (STRIP * 4));
    /* The last rows come again with a full block before them, so that no row is read after the last one. */
    const uint first = (gl_WorkGroupID.x * SUBGROUPS + gl_SubgroupID) * ROWS, base = min(first, rows - ROWS);

    const uint64_t weights = packUint2x32(params.weights) + uint64_t(image * params.columns + base) * row_bytes;
    const uint64_t memory = packUint2x32(params.memory) + panel * (STRIP * PANEL_BYTES);
    vec2 sums[ROWS];
    [[unroll]] for (uint row = 0; row < ROWS; row++)
        sums[row] = vec2(0);

    /* Images need not begin with a strip. */
    const uint start = image * patches, whole = (start + STRIP - 1) / STRIP;
    const uint before = min(whole * STRIP - start, patches), strips = (patches - before) / STRIP;
    const uint after = patches - before - strips * STRIP;
    add_single(weights, row_bytes, memory, start, before, sums);
    uint counter = lane, step;
    if (strips > 0) {
        do {
            step = subgroupBroadcast(counter, 0);
            add_patches(weights + (before + step * STRIP) * 4, row_bytes, memory + (whole + step) * strip_bytes, STRIP,
                        sums);
            counter++;
        } while (step + 1 < strips);
    }
    add_single(weights + (patches - after) * 4, row_bytes, memory, start + patches - after, after, sums);

    [[unroll]] for (uint row = 0; row < ROWS; row++)
        if (base + row >= first)
            store(image, base + row, panel, sums[row]);
}
