/* LayerNorm for CPU drivers with subgroups of 8: what layernorm.comp computes. A subgroup takes 4 rows, a lane two of
 * the 16 columns of every panel; the rows are read three times, the second and third from the cache. Loads and
 * loops have the form that include/lanes.glsl explains. */
#version 460
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "types.glsl"

#include "layernorm.h"

#include "lanes.glsl"

layout(local_size_x = 8) in;

const uint ROWS = 4, PANEL_BYTES = PANEL * 4;

void store(uvec2 address, uint i, vec2 value)
{
    FloatBuffer(address).v[i + lane] = value.x;
    FloatBuffer(address).v[i + 8 + lane] = value.y;
}

float subgroup_sum(vec2 value)
{
    return subgroupAdd(value.x + value.y);
}

void main()
{
    const uint rows = params.rows, width = params.width, panels = width / PANEL;
    const uint64_t panel_bytes = uint64_t(rows) * PANEL_BYTES;
    /* The last rows come again with a full block before them, so that no row is read after the last one. Fewer rows
     * than a block are read beyond their panel, at most into the 256 bytes after a slice that belong to nobody; what
     * comes of it is not stored. */
    const uint first = gl_WorkGroupID.x * ROWS, base = min(first, max(rows, ROWS) - ROWS);
    const uint64_t x = packUint2x32(params.x) + uint64_t(base) * PANEL_BYTES;
    const bool has_out = present(params.out), has_exact = present(params.exact);

    vec2 sums[ROWS];
    [[unroll]] for (uint row = 0; row < ROWS; row++)
        sums[row] = vec2(0);
    uint counter = lane, panel;
    do {
        panel = subgroupBroadcast(counter, 0);
        FloatBuffer from = FloatBuffer(x + panel * panel_bytes);
        [[unroll]] for (uint row = 0; row < ROWS; row++)
            sums[row] += load_16(from, row * PANEL);
        counter++;
    } while (panel + 1 < panels);

    float means[ROWS];
    [[unroll]] for (uint row = 0; row < ROWS; row++) {
        means[row] = subgroup_sum(sums[row]) / float(width);
        sums[row] = vec2(0);
    }
    counter = lane;
    do {
        panel = subgroupBroadcast(counter, 0);
        FloatBuffer from = FloatBuffer(x + panel * panel_bytes);
        [[unroll]] for (uint row = 0; row < ROWS; row++) {
            const vec2 difference = load_16(from, row * PANEL) - means[row];
            sums[row] = fma(difference, difference, sums[row]);
        }
        counter++;
    } while (panel + 1 < panels);

    float scales[ROWS];
    [[unroll]] for (uint row = 0; row < ROWS; row++)
        scales[row] = inversesqrt(subgroup_sum(sums[row]) / float(width) + params.epsilon);
    counter = lane;
    do {
        panel = subgroupBroadcast(counter, 0);
        FloatBuffer from = FloatBuffer(x + panel * panel_bytes);
        const vec2 weight = load_16(FloatBuffer(params.weight), panel * PANEL);
        const vec2 bias = load_16(FloatBuffer(params.bias), panel * PANEL);
        [[unroll]] for (uint row = 0; row < ROWS; row++) {
            const vec2 value = fma((load_16(from, row * PANEL) - means[row]) * scales[row], weight, bias);
            if (base + row >= first && base + row < rows) {
                if (has_out)
                    store(params.out, activation_index(rows, width, base + row, panel * PANEL), value);
                if (has_exact)
                    store(params.exact, panel_index(rows, base + row, panel * PANEL), value);
            }
        }
        counter++;
    } while (panel + 1 < panels);
}
