/* Types and buffer references that every shader shares.
 *
 * ACTIVATION_HALF and WEIGHT_HALF choose 16-bit storage, STRIPS the cpu rung's order of activations; arithmetic is
 * float32 everywhere. A weight in 16 bits is read as half of a 32-bit word, so that it needs no 16-bit storage; an
 * activation in 16 bits does.
 */
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_control_flow_attributes : require
#if ACTIVATION_HALF
#extension GL_EXT_shader_16bit_storage : require
#define ACTIVATION  float16_t
#define ACTIVATION4 f16vec4
#else
#define ACTIVATION  float
#define ACTIVATION4 vec4
#endif

#define PANEL     16
#define STRIP     5
#define HEAD_SIZE 64

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer FloatBuffer {
    float v[];
};
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Float4Buffer {
    vec4 v[];
};
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer WordBuffer {
    uint v[];
};
layout(buffer_reference, scalar, buffer_reference_align = 4) buffer ActivationBuffer {
    ACTIVATION v[];
};
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Activation4Buffer {
    ACTIVATION4 v[];
};

bool present(uvec2 address)
{
    return (address.x | address.y) != 0;
}

/* Where element (row, column) of a panel matrix lies. */
uint panel_index(uint rows, uint row, uint column)
{
    return (column / PANEL * rows + row) * PANEL + column % PANEL;
}

/* Where element (row, column) of a matrix of activations lies: STRIPS says in which of the two orders. */
uint activation_index(uint rows, uint columns, uint row, uint column)
{
#if STRIPS
    const uint strip = row / STRIP * (columns / PANEL) + column / PANEL;
    return (strip * STRIP + row % STRIP) * PANEL + column % PANEL;
#else
    return panel_index(rows, row, column);
#endif
}
