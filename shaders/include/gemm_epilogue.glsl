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

/* The row of `out` that takes row `row` of the product. */
uint stored_row(uint row)
{
    return row / params.group * params.out_group + params.out_offset + row % params.group;
}

/* Where element (row, column) lies in [3][batch][heads][tokens_padded][64]. */
uint head_index(uint row, uint column)
{
    const uint head = column / HEAD_SIZE, image = row / params.tokens, token = row % params.tokens;
    const uint slab = (head / params.heads * params.batch + image) * params.heads + head % params.heads;
    return (slab * params.tokens_padded + token) * HEAD_SIZE + column % HEAD_SIZE;
}
