/* out, exact = LayerNorm(x), row by row (include/rownorm.glsl). */
#version 460
#include "types.glsl"

#include "layernorm.h"

#include "rownorm.glsl"

void main()
{
    vec4 held[HELD];
    normalise_row(params.x, params.weight, params.bias, params.rows, params.width, params.epsilon, held);
    if (row >= params.rows)
        return;
    [[unroll]] for (uint i = 0; i < HELD; i++) {
        if (!holds(i, params.width))
            break;
        uint index = quad_index(i, params.rows, row);
        if (present(params.out))
            Activation4Buffer(params.out).v[index] = ACTIVATION4(held[i]);
        if (present(params.exact))
            Float4Buffer(params.exact).v[index] = held[i];
    }
}
