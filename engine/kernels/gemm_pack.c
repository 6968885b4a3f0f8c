/* The order in which a GEMM's weights lie on the device, by rung. */
#include <assert.h>

#include "engine/base/half.h"
#include "engine/kernels/set.h"

/* Where element (row, column) of B [n][k] lies. */
static size_t packed_at(enum rung rung, size_t k, size_t row, size_t column)
{
    const size_t panel = row / PANEL * PANEL * k, in_panel = row % PANEL;
    switch (rung) {
    case RUNG_MATRIX: /* [n/16][k/16][16][16]: the k of a column side by side, as fragments have them */
        return panel + column / PANEL * PANEL * PANEL + in_panel * PANEL + column % PANEL;
    case RUNG_MATRIX2: /* [n][k]: its tensor loads reorder by themselves */
        return row * k + column;
    case RUNG_CPU: /* as below, even rows of B before odd ones: lane l owns 2l and 2l + 1 */
        return panel + column * PANEL + in_panel % 2 * (PANEL / 2) + in_panel / 2;
    default: /* [n/16][k][16]: four neighbouring columns of the product are one load */
        return panel + column * PANEL + in_panel;
    }
}

size_t gemm_packed_size_bytes(const struct kernels *kernels, size_t n, size_t k)
{
    return n * k * element_size_bytes(kernels->weights);
}

void gemm_pack(const struct kernels *kernels, const float *b, size_t n_given, size_t k_given, size_t n,
               size_t k, void *out)
{
    assert(n % PANEL == 0 && k % K_STEP == 0 && n_given <= n && k_given <= k);
    float *floats = out;
    uint16_t *halves = out;
    for (size_t row = 0; row < n; row++)
        for (size_t column = 0; column < k; column++) {
            const float value = row < n_given && column < k_given ? b[row * k_given + column] : 0;
            const size_t to = packed_at(kernels->rung, k, row, column);
            if (kernels->weights == ELEMENT_F16)
                halves[to] = half_from_float(value);
            else
                floats[to] = value;
        }
}
