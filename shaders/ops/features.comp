/* classes[image] = LayerNorm(x[image, 0]) and patches[image, p] = LayerNorm(x[image, prefix_rows + p]): features of
 * one block (include/rownorm.glsl). Register tokens are dropped. */
#version 460
#include "types.glsl"

#include "features.h"

#include "rownorm.glsl"

void main()
{
    uint rows = params.batch * params.tokens;
    vec4 held[HELD];
    normalise_row(params.x, params.weight, params.bias, rows, params.width, params.epsilon, held);
    uint image = row / params.tokens, token = row % params.tokens;
    if (row >= rows || (token > 0 && token < params.prefix_rows))
        return;
    uint patches = params.tokens - params.prefix_rows;
    [[unroll]] for (uint i = 0; i < HELD; i++) {
        if (!holds(i, params.width))
            break;
        if (token == 0) {
            uint first = image * params.class_stride + params.class_offset + (slot + i * SLOTS) * PANEL + quad * 4;
            [[unroll]] for (uint j = 0; j < 4; j++)
                FloatBuffer(params.classes).v[first + j] = held[i][j];
        } else {
            uint to = image * patches + token - params.prefix_rows, column = (slot + i * SLOTS) * PANEL + quad * 4;
            uint index = activation_index(params.batch * patches, params.patch_columns, to, column);
            Activation4Buffer(params.patches).v[index / 4] = ACTIVATION4(held[i]);
        }
    }
}
