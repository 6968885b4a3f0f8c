/* Whether the compiler knows cooperative matrices: it compiles this, or it is too old. */
#version 460
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

layout(local_size_x = 32) in;
layout(std430, binding = 0) buffer Data {
    float16_t half_values[256];
    float values[256];
};

void main()
{
    coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA> a;
    coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseB> b;
    coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator> sum =
        coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>(0.0);
    coopMatLoad(a, half_values, 0, 16, gl_CooperativeMatrixLayoutRowMajor);
    coopMatLoad(b, half_values, 0, 16, gl_CooperativeMatrixLayoutRowMajor);
    sum = coopMatMulAdd(a, b, sum);
    coopMatStore(sum, values, 0, 16, gl_CooperativeMatrixLayoutRowMajor);
}
