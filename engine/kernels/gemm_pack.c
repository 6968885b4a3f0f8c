/* The order in which a GEMM's weights lie on the device, by rung. */
#include <assert.h>

#include "engine/base/half.h"
#include "engine/kernels/set.h"

/* Column c of a row lies at base + c / 16 * block + c % 16 * step. */
struct order {
    size_t block, step;
};

static struct order order_of(enum rung rung)
{
    switch (rung) {
    case RUNG_MATRIX: /* [n/16][k/16][16][16]: the k of a column side by side, as fragments have them */
        return (struct order){PANEL * PANEL, 1};
    case RUNG_MATRIX2: /* [n][k]: its tensor loads reorder by themselves */
        return (struct order){PANEL, 1};
    default: /* [n/16][k][16]: neighbouring columns of the product are one load */
        return (struct order){PANEL * PANEL, PANEL};
    }
}

static size_t base_of(enum rung rung, size_t k, size_t row)
{
    const size_t panel = row / PANEL * PANEL * k, in_panel = row % PANEL;
    switch (rung) {
    case RUNG_MATRIX:
        return panel + in_panel * PANEL;
    case RUNG_MATRIX2:
        return row * k;
    case RUNG_CPU: /* even rows of B before odd ones: lane l owns 2l and 2l + 1 */
        return panel + in_panel % 2 * (PANEL / 2) + in_panel / 2;
    default:
        return panel + in_panel;
    }
}

size_t gemm_packed_size_bytes(const struct kernels *kernels, size_t n, size_t k)
{
    return n * k * element_size_bytes(kernels->weights);
}

/* K_STEP columns of one row from `first` on, `row` having `given` of them, to their places in `out`. */
static void pack_floats(const float *row, size_t first, size_t given, struct order order, float *out)
{
    for (size_t i = 0; i < K_STEP; i++)
        out[i / PANEL * order.block + i % PANEL * order.step] = first + i < given ? row[first + i] : 0;
}

static void pack_halves(const float *row, size_t first, size_t given, struct order order, uint16_t *out)
{
    for (size_t i = 0; i < K_STEP; i++)
        out[i / PANEL * order.block + i % PANEL * order.step] =
            first + i < given ? half_from_float(row[first + i]) : 0;
}

void gemm_pack(const struct kernels *kernels, const float *b, size_t n_given, size_t k_given, size_t n,
               size_t k, void *out)
{
    assert(n % PANEL == 0 && k % K_STEP == 0 && n_given <= n && k_given <= k);
    const struct order order = order_of(kernels->rung);
    /* Row by row within so few columns that what is written stays in the first cache. */
    for (size_t panel = 0; panel < n; panel += PANEL)
        for (size_t first = 0; first < k; first += K_STEP)
            for (size_t row = panel; row < panel + PANEL; row++) {
                const size_t given = row < n_given ? k_given : 0;
                const float *from = given ? b + row * k_given : b;
                const size_t to = base_of(kernels->rung, k, row) + first / PANEL * order.block;
                if (kernels->weights == ELEMENT_F16)
                    pack_halves(from, first, given, order, (uint16_t *)out + to);
                else
                    pack_floats(from, first, given, order, (float *)out + to);
            }
}
