/* What the kernels on cooperative matrices of any size share (VK_NV_cooperative_matrix2): matrices of the scope SCOPE,
 * loaded and stored as slices of tensors of three dimensions.
 *
 * With WORKGROUP_SCOPE the extension's own tensor layouts do the addressing, and the driver cuts matrices up and
 * stages them. Without, for drivers whose matrices of any size are a subgroup's and which have no tensor addressing
 * (CPU drivers), the addressing that GL_NV_cooperative_matrix2 defines (matrixCoordToTensorElementWithView, without
 * blocks, clips and a view's own dimensions) is spelled out here, an element at a time: slow, but the same kernels. */
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

#define MATRIX(type, use, rows, columns) coopmat<type, SCOPE, rows, columns, gl_MatrixUse##use>

/* What a load takes from beyond the tensor's dimensions: nothing is there (UNCLAMPED), 0, or the nearest element. A
 * store writes there only if UNCLAMPED. */
#define UNCLAMPED gl_CooperativeMatrixClampModeUndefinedNV
#define ZERO      gl_CooperativeMatrixClampModeConstantNV
#define NEAREST   gl_CooperativeMatrixClampModeClampToEdgeNV

layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Halves {
    float16_t v[];
};
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Floats {
    float v[];
};

/* TENSOR declares a tensor by its dimensions and strides, SLICE is a part of one: offset and size by turns. VIEW
 * declares an order of dimensions from the outermost in which a matrix's elements, row by row, run through a slice.
 * LOAD and STORE go between a matrix of `columns` columns and a slice; `offset` elements precede the tensor. */
#if WORKGROUP_SCOPE

#define SCOPE gl_ScopeWorkgroup

#define TENSOR(name, clamping, d0, d1, d2, s0, s1, s2)                                                                 \
    tensorLayoutNV<3, clamping> name = createTensorLayoutNV(3, clamping);                                              \
    name = setTensorLayoutDimensionNV(name, d0, d1, d2);                                                               \
    name = setTensorLayoutStrideNV(name, s0, s1, s2)
#define SLICE(tensor, o0, n0, o1, n1, o2, n2) sliceTensorLayoutNV(tensor, o0, n0, o1, n1, o2, n2)
#define VIEW(name, p0, p1, p2) tensorViewNV<3, false, p0, p1, p2> name = createTensorViewNV(3, false, p0, p1, p2)
#define LOAD(matrix, columns, Buffer, address, offset, tensor, view)                                                   \
    coopMatLoadTensorNV(matrix, Buffer(address).v, offset, tensor, view)
#define STORE(matrix, columns, Buffer, address, offset, tensor, view)                                                  \
    coopMatStoreTensorNV(matrix, Buffer(address).v, offset, tensor, view)

#else

#define SCOPE gl_ScopeSubgroup

struct Tensor {
    int clamping;
    uvec3 dimension, stride, span;
    ivec3 from;
};

/* Where the nearest element lies to the one of a matrix, and whether that is the same: without branches, of which
 * there would be as many as elements. */
uint tensor_index(Tensor tensor, uvec3 order, uint linear, inout bool inside)
{
    uint index = 0;
    [[unroll]] for (int i = 2; i >= 0; i--) {
        const uint dimension = order[i];
        const int at = int(linear % tensor.span[dimension]) + tensor.from[dimension];
        const int nearest = clamp(at, 0, int(tensor.dimension[dimension]) - 1);
        inside = inside && at == nearest;
        index += uint(nearest) * tensor.stride[dimension];
        linear /= tensor.span[dimension];
    }
    return index;
}

/* Not the Tensor as one parameter: the drivers meant fall over structs here. */
#define PARAMETERS                                                                                                     \
    const in uint columns, const in uvec2 address, const in uint offset, const in int clamping,                        \
        const in uvec3 dimension, const in uvec3 stride, const in uvec3 span, const in ivec3 from, const in uvec3 order
#define INDEX                                                                                                          \
    offset + tensor_index(Tensor(clamping, dimension, stride, span, from), order, row * columns + column, inside)
#define ACCESS(Buffer, type)                                                                                           \
    type load_##Buffer(const in uint row, const in uint column, const in type old, PARAMETERS)                         \
    {                                                                                                                  \
        bool inside = true;                                                                                            \
        const type value = Buffer(address).v[INDEX];                                                                   \
        return inside || clamping == NEAREST ? value : type(0);                                                        \
    }                                                                                                                  \
    type store_##Buffer(const in uint row, const in uint column, const in type value, PARAMETERS)                      \
    {                                                                                                                  \
        bool inside = true;                                                                                            \
        const uint index = INDEX;                                                                                      \
        if (inside)                                                                                                    \
            Buffer(address).v[index] = value;                                                                          \
        return value;                                                                                                  \
    }
ACCESS(Halves, float16_t)
ACCESS(Floats, float)

Tensor slice(Tensor tensor, ivec3 from, uvec3 span)
{
    tensor.from += from;
    tensor.span = span;
    return tensor;
}

#define TENSOR(name, clamping, d0, d1, d2, s0, s1, s2)                                                                 \
    Tensor name = Tensor(clamping, uvec3(d0, d1, d2), uvec3(s0, s1, s2), uvec3(d0, d1, d2), ivec3(0))
#define SLICE(tensor, o0, n0, o1, n1, o2, n2) slice(tensor, ivec3(o0, o1, o2), uvec3(n0, n1, n2))
#define VIEW(name, p0, p1, p2) const uvec3 name = uvec3(p0, p1, p2)
#define MOVE(matrix, function, columns, address, offset, tensor, view)                                                 \
    {                                                                                                                  \
        const Tensor part_ = tensor;                                                                                   \
        coopMatPerElementNV(matrix, matrix, function, uint(columns), address, uint(offset), part_.clamping,            \
                            part_.dimension, part_.stride, part_.span, part_.from, view);                              \
    }
#define LOAD(matrix, columns, Buffer, address, offset, tensor, view)                                                   \
    MOVE(matrix, load_##Buffer, columns, address, offset, tensor, view)
#define STORE(matrix, columns, Buffer, address, offset, tensor, view)                                                  \
    MOVE(matrix, store_##Buffer, columns, address, offset, tensor, view)

#endif
