/* out[image, r] = prefix[r]: class token and registers before the patches of every image. One thread a vector of
 * four columns. */
#version 460
#include "types.glsl"

#include "tokens.h"

#define QUADS (PANEL / 4)

layout(local_size_x = 64) in;

void main()
{
    uint thread = gl_GlobalInvocationID.x, image = gl_WorkGroupID.y;
    uint quad = thread % QUADS, row = thread / QUADS % params.prefix_rows;
    uint panel = thread / (QUADS * params.prefix_rows);
    if (panel >= params.width / PANEL)
        return;
    uint to = (panel * params.batch * params.tokens + image * params.tokens + row) * QUADS + quad;
    uint from = (row * params.width + panel * PANEL) / 4 + quad;
    Float4Buffer(params.out).v[to] = Float4Buffer(params.prefix).v[from];
}
