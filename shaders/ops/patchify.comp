/* out[image, patch][(channel, y, x)] = byte * scale[channel] + shift[channel]: the rows that the patch embedding,
 * a convolution whose stride is its size, multiplies as a GEMM. One thread a vector of four columns. */
#version 460
#include "types.glsl"

#include "patchify.h"

#define QUADS (PANEL / 4)

layout(local_size_x = 256) in;

float pixel(uint image, uint corner_y, uint corner_x, uint column)
{
    uint area = params.patch * params.patch, channel = column / area;
    if (channel >= 3)
        return 0;
    uint y = corner_y + column % area / params.patch, x = corner_x + column % params.patch;
    uint byte = (y * params.patch_columns * params.patch + x) * 3 + channel;
    uint word = WordBuffer(params.pixels).v[(image * params.image_stride + byte) / 4];
    float value = float(bitfieldExtract(word, int(byte % 4 * 8), 8));
    FloatBuffer normalisation = FloatBuffer(params.normalisation);
    return value * normalisation.v[image * 6 + channel] + normalisation.v[image * 6 + 3 + channel];
}

void main()
{
    uint patches = params.patch_rows * params.patch_columns, rows = params.batch * patches;
    uint quad = gl_GlobalInvocationID.x % QUADS, row = gl_GlobalInvocationID.x / QUADS, panel = gl_WorkGroupID.y;
    if (row >= rows)
        return;
    uint image = row / patches, cell = row % patches;
    uint corner_y = cell / params.patch_columns * params.patch, corner_x = cell % params.patch_columns * params.patch;
    vec4 values;
    [[unroll]] for (uint i = 0; i < 4; i++)
        values[i] = pixel(image, corner_y, corner_x, panel * PANEL + quad * 4 + i);
    const uint to = activation_index(rows, params.columns, row, panel * PANEL + quad * 4);
    Activation4Buffer(params.out).v[to / 4] = ACTIVATION4(values);
}
