/* Whether the compiler knows cooperative matrices of a workgroup: it compiles this, or it is too old. */
#version 460
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

layout(local_size_x = 128) in;
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Values {
    float v[];
};
layout(push_constant) uniform Push {
    Values values;
};

float twice(const in uint row, const in uint column, const in float x)
{
    return 2 * x;
}

void main()
{
    tensorLayoutNV<3, gl_CooperativeMatrixClampModeConstantNV> layout3 =
        createTensorLayoutNV(3, gl_CooperativeMatrixClampModeConstantNV);
    layout3 = setTensorLayoutDimensionNV(layout3, 4, 64, 16);
    tensorViewNV<3, false, 1, 0, 2> view = createTensorViewNV(3, false, 1, 0, 2);
    coopmat<float, gl_ScopeWorkgroup, 64, 64, gl_MatrixUseAccumulator> sum;
    coopMatLoadTensorNV(sum, values.v, 0, sliceTensorLayoutNV(layout3, 0, 4, 0, 64, 0, 16), view);
    coopMatPerElementNV(sum, sum, twice);
    coopMatStoreTensorNV(sum, values.v, 0, sliceTensorLayoutNV(layout3, 0, 4, 0, 64, 0, 16), view);
}
