/* words[i] = value * FACTOR + i and sum[i] += 1, for i < count. */
#version 450
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_scalar_block_layout : require

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint FACTOR = 0;

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer WordBuffer {
    uint v[];
};

layout(push_constant, scalar) uniform fill_block {
    uvec2 words, sum;
    uint count, value;
    float unused;
} params;

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i >= params.count)
        return;
    WordBuffer(params.words).v[i] = params.value * FACTOR + i;
    WordBuffer(params.sum).v[i] += 1;
}
