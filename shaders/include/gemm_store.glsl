/* How a GEMM stores 4 columns of a row: the epilogue EPILOGUE (a specialisation constant of the shader). */
#include "gemm_epilogue.glsl"

/* Where element (token of an image, column) of V lies in the last third, [batch][heads][64][tokens_padded]: attention
 * finds a column's tokens side by side there, as it does a key's columns in K. */
uint value_index(part image, uint column)
{
    return (head_slab(image, column) * HEAD_SIZE + column % HEAD_SIZE) * params.tokens_padded + image.row;
}

bool is_value(uint column)
{
    return EPILOGUE == GEMM_HEADS && column >= params.n / 3 * 2;
}

/* What 4 columns of the product are multiplied by where weights are float16. */
vec4 scales(uint column)
{
    return Float4Buffer(params.b).v[params.n * params.k / 8 + column / 4];
}

/* What GEMM_ADD adds to them before. */
vec4 addend(uint row, uint column)
{
    const uint from = params.addend_group != 0 ? part_of(row, params.addend_group).row : stored_row(row);
    return Float4Buffer(params.addend).v[panel_index(params.addend_rows, from, column) / 4];
}

void store(uint row, uint column, vec4 value)
{
    if (EPILOGUE == GEMM_HEADS) {
        Activation4Buffer(params.out).v[head_index(row, column) / 4] = ACTIVATION4(value);
        return;
    }
    const uint to = stored_row(row);
    if (EPILOGUE == GEMM_SWIGLU) {
        const uint i = panel_index(params.out_rows, to, column / 2);
        ActivationBuffer(params.out).v[i] = ACTIVATION(silu(value.x) * value.y);
        ActivationBuffer(params.out).v[i + 1] = ACTIVATION(silu(value.z) * value.w);
        return;
    }
    const uint i = panel_index(params.out_rows, to, column) / 4;
    if (EPILOGUE == GEMM_RELU)
        value = vec4(relu(value.x), relu(value.y), relu(value.z), relu(value.w));
    if (EPILOGUE == GEMM_GELU)
        value = vec4(gelu(value.x), gelu(value.y), gelu(value.z), gelu(value.w));
    if (EPILOGUE == GEMM_EXACT || EPILOGUE == GEMM_ADD)
        Float4Buffer(params.out).v[i] = value;
    else
        Activation4Buffer(params.out).v[i] = ACTIVATION4(value);
}
