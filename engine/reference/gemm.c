#include "engine/reference/gemm.h"

#include <math.h>

#include "engine/reference/panel.h"

static double silu(double x)
{
    return x / (1 + exp(-x));
}

/* Element (row, column) of A * B^T + bias. */
static double product(const struct gemm_params *params, const float *a, const float *b, const float *bias,
                      size_t row, size_t column)
{
    double sum = bias[column];
    for (size_t k = 0; k < params->k; k++)
        sum += (double)a[panel_at(params->m, row, k)] * (double)b[column * params->k + k];
    return sum;
}

/* Where element (row, column) lies in [3][batch][heads][tokens_padded][64], the last third of which has
 * tokens and columns exchanged where they lie across. */
static size_t head_at(const struct gemm_params *params, size_t row, size_t column, bool across)
{
    const size_t width = (size_t)params->heads * HEAD_SIZE;
    const size_t which = column / width, head = column % width / HEAD_SIZE;
    const size_t image = row / params->tokens, token = row % params->tokens;
    const size_t slab = (which * params->batch + image) * params->heads + head;
    if (which == 2 && across)
        return (slab * HEAD_SIZE + column % HEAD_SIZE) * params->tokens_padded + token;
    return (slab * params->tokens_padded + token) * HEAD_SIZE + column % HEAD_SIZE;
}

void reference_gemm(enum gemm_epilogue epilogue, const struct gemm_params *params, const float *a,
                    const float *b, const float *bias, const float *addend, bool across, float *out)
{
    for (size_t row = 0; row < params->m; row++)
        for (size_t column = 0; column < params->n; column++) {
            const double x = product(params, a, b, bias, row, column);
            if (epilogue == GEMM_HEADS) {
                out[head_at(params, row, column, across)] = (float)x;
                continue;
            }
            const size_t to =
                row / params->group * params->out_group + params->out_offset + row % params->group;
            const size_t at = panel_at(params->out_rows, to, column);
            if (epilogue == GEMM_EXACT) {
                out[at] = (float)x;
            } else if (epilogue == GEMM_ADD) {
                const size_t from = params->addend_group ? row % params->addend_group : to;
                out[at] = (float)(x + (double)addend[panel_at(params->addend_rows, from, column)]);
            } else if (epilogue == GEMM_RELU) {
                out[at] = (float)(x < 0 ? 0 : x); /* unlike fmax it keeps NaN */
            } else if (epilogue == GEMM_GELU) {
                out[at] = (float)(x / 2 * (1 + erf(x / sqrt(2))));
            } else if (epilogue == GEMM_SWIGLU && column % 2 == 0) {
                const double up = product(params, a, b, bias, row, column + 1);
                out[panel_at(params->out_rows, to, column / 2)] = (float)(silu(x) * up);
            }
        }
}
