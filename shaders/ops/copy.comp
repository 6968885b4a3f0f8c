/* Copies COPY_THREADS * COPY_VECTORS * 16 bytes a workgroup, all of a thread's on their way before the first is stored. */
#version 460
#include "types.glsl"

#include "copy.h"

layout(local_size_x = COPY_THREADS) in;

void main()
{
    const uint first = gl_WorkGroupID.x * (COPY_THREADS * COPY_VECTORS) + gl_LocalInvocationIndex;
    vec4 vectors[COPY_VECTORS];
    [[unroll]] for (uint i = 0; i < COPY_VECTORS; i++)
        vectors[i] = Float4Buffer(params.from).v[first + i * COPY_THREADS];
    [[unroll]] for (uint i = 0; i < COPY_VECTORS; i++)
        Float4Buffer(params.to).v[first + i * COPY_THREADS] = vectors[i];
}
