/* out[image] = mean of patches[image, .]. A workgroup takes one panel of one image. */
#version 460
#include "types.glsl"

#include "average.h"

#define LANES 16

layout(local_size_x = PANEL * LANES) in;

shared float parts[LANES][PANEL];

void main()
{
    uint column = gl_LocalInvocationID.x % PANEL, lane = gl_LocalInvocationID.x / PANEL;
    uint panel = gl_WorkGroupID.x, image = gl_WorkGroupID.y;
    uint rows = params.batch * params.patch_count, first_row = image * params.patch_count;
    float sum = 0;
    for (uint p = lane; p < params.patch_count; p += LANES) {
        uint from = activation_index(rows, params.patch_columns, first_row + p, panel * PANEL + column);
        sum += float(ActivationBuffer(params.patches).v[from]);
    }
    parts[lane][column] = sum;
    barrier();
    if (lane > 0)
        return;
    for (uint i = 1; i < LANES; i++)
        sum += parts[i][column];
    FloatBuffer(params.out).v[(panel * params.batch + image) * PANEL + column] = sum / float(params.patch_count);
}
