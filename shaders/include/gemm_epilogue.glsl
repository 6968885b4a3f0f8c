/* What a GEMM does with its accumulators: activation functions, and where a row is stored. */

/* The error function to 1e-7: 1 - 2^(-x P(x)) for x >= 0, P fitted to log2(erfc(x)) on [0, 4]. */
float erf(float x)
{
    const float t = min(abs(x), 4.0);
    float p = 4.53608372e-05;
    p = p * t - 4.45523503e-04;
    p = p * t + 1.48948561e-03;
    p = p * t + 7.74568703e-04;
    p = p * t - 2.82536373e-02;
    p = p * t + 1.48481593e-01;
    p = p * t + 9.18416381e-01;
    p = p * t + 1.62790859e+00;
    return sign(x) * (1.0 - exp2(-t * p));
}

/* What is not a number stays so, which max(x, 0) does not promise: a broken weight must show in the answers. */
float relu(float x)
{
    return isnan(x) ? x : max(x, 0.0);
}

float gelu(float x)
{
    return 0.5 * x * (1.0 + erf(x * 0.70710678118654752));
}

float silu(float x)
{
    return x / (1.0 + exp(-x));
}

/* Which of the parts of `size` rows a row lies in, and its place there. Most products have one part. Where the shader
 * says which is the workgroup's FIRST_ROW, only the parts that this one and the next lie in have to be told apart: an
 * integer division is some 20 instructions on a GPU. */
struct part {
    uint index, row;
};

part part_of(uint row, uint size)
{
    if (size >= params.m)
        return part(0, row);
#ifdef FIRST_ROW
    if (size >= TILE_M) {
        const uint first = FIRST_ROW / size, in_first = row - first * size;
        return in_first < size ? part(first, in_first) : part(first + 1, in_first - size);
    }
#endif
    return part(row / size, row % size);
}

/* The row of `out` that takes row `row` of the product. */
uint stored_row(uint row)
{
    const part group = part_of(row, params.group);
    return group.index * params.out_group + params.out_offset + group.row;
}

/* Which of the [3][batch][heads] parts of Q, K and V a column of an image lies in. */
uint head_slab(part image, uint column)
{
    const uint head = column / HEAD_SIZE;
    return (head / params.heads * params.batch + image.index) * params.heads + head % params.heads;
}

/* Where element (row, column) lies in [3][batch][heads][tokens_padded][64]. */
uint head_index(uint row, uint column)
{
    const part image = part_of(row, params.tokens);
    return (head_slab(image, column) * params.tokens_padded + image.row) * HEAD_SIZE + column % HEAD_SIZE;
}
