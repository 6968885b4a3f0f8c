/* What the kernels on cooperative matrices of a subgroup share (VK_KHR_cooperative_matrix).
 *
 * How a matrix's elements lie in the lanes is nobody's business but the driver's: what needs to know a row or a
 * column goes through shared memory. That is one array of 16 bytes an element, which copies move at once and matrix
 * loads and stores read as float16 or float32. Its rows are 16 bytes longer than what they hold: the 8 rows of 16
 * bytes that a fragment load reads together then lie in different banks. */
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

#define MATRIX(type, use, rows, columns) coopmat<type, gl_ScopeSubgroup, rows, columns, gl_MatrixUse##use>
#define ROW_MAJOR    gl_CooperativeMatrixLayoutRowMajor
#define COLUMN_MAJOR gl_CooperativeMatrixLayoutColumnMajor

/* 8 float16 or 4 float32. */
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer VectorBuffer {
    uvec4 v[];
};
