/* The order in which a GEMM's weights lie on the device, by rung. */
#include <assert.h>
#include <math.h>

#include "engine/base/half.h"
#include "engine/base/parallel.h"
#include "engine/kernels/set.h"

enum { PART_VALUES = 1 << 18 }; /* fewer are not worth a thread */

static size_t panel_of(size_t k, size_t row)
{
    return row / PANEL * PANEL * k;
}

static size_t base_in_panels(size_t k, size_t row)
{
    return panel_of(k, row) + row % PANEL;
}

static size_t base_in_pairs(size_t k, size_t row)
{
    return panel_of(k, row) + row % PANEL % 2 * (PANEL / 2) + row % PANEL / 2;
}

static size_t base_in_fragments(size_t k, size_t row)
{
    return panel_of(k, row) + row % PANEL * PANEL;
}

static size_t base_in_rows(size_t k, size_t row)
{
    return row * k;
}

/* [n/16][k][16]: neighbouring columns of the product are one load. */
const struct weight_order weights_in_panels = {PANEL * PANEL, PANEL, base_in_panels};
/* The same with even rows of B before odd ones: lane l owns 2l and 2l + 1. */
const struct weight_order weights_in_pairs = {PANEL * PANEL, PANEL, base_in_pairs};
/* [n/16][k/16][16][16]: the k of a column side by side, as fragments have them. */
const struct weight_order weights_in_fragments = {PANEL * PANEL, 1, base_in_fragments};
/* [n][k]: tensor loads reorder by themselves. */
const struct weight_order weights_in_rows = {PANEL, 1, base_in_rows};

size_t gemm_packed_size_bytes(const struct kernels *kernels, size_t n, size_t k)
{
    const size_t scales_bytes = kernels->weights == ELEMENT_F16 ? n * sizeof(float) : 0;
    return n * k * element_size_bytes(kernels->weights) + scales_bytes;
}

/* The power of two by which a row is divided, so that the largest of it is at least 1 and below 2. */
static float scale_of(const float *row, size_t count, float gain)
{
    float largest = 0;
    int exponent = 1;
    for (size_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(row[i] * gain));
    if (largest > 0 && isfinite(largest))
        (void)frexpf(largest, &exponent);
    return ldexpf(1, exponent - 1);
}

/* K_STEP columns of one row from `first` on, of which it has `given`, to their places in `out`. */
static void pack_floats(const float *row, float factor, size_t first, size_t given,
                        const struct weight_order *order, float *out)
{
    for (size_t i = 0; i < K_STEP; i++)
        out[i / PANEL * order->block + i % PANEL * order->step] =
            first + i < given ? row[first + i] * factor : 0;
}

static void pack_halves(const float *row, float factor, size_t first, size_t given,
                        const struct weight_order *order, uint16_t *out)
{
    for (size_t i = 0; i < K_STEP; i++)
        out[i / PANEL * order->block + i % PANEL * order->step] =
            first + i < given ? half_from_float(row[first + i] * factor) : 0;
}

struct packing {
    const struct kernels *kernels;
    const struct gemm_weights *weights;
    size_t n, k, panels_a_part;
    void *out;
};

/* The packed rows' scales, behind the weights. */
static float *scales_in(const struct packing *packing)
{
    return (float *)((uint16_t *)packing->out + packing->n * packing->k);
}

/* Row by row within so few columns that what is written stays in the first cache. */
static void pack_panel(const struct packing *packing, size_t panel)
{
    const struct kernels *kernels = packing->kernels;
    const struct gemm_weights *weights = packing->weights;
    const struct weight_order *order = kernels->row->order;
    const bool half = kernels->weights == ELEMENT_F16;
    const float *from[PANEL];
    float factor[PANEL];
    for (size_t i = 0; i < PANEL; i++) {
        const size_t source = panel + i < weights->n ? gemm_weights_row(weights, panel + i) : 0;
        const float gain = weights->gain ? weights->gain[source] : 1;
        from[i] = weights->values + source * weights->k;
        const float scale = half ? scale_of(from[i], weights->k, gain) : 1;
        factor[i] = gain / scale;
        if (half)
            scales_in(packing)[panel + i] = scale;
    }
    for (size_t first = 0; first < packing->k; first += K_STEP)
        for (size_t i = 0; i < PANEL; i++) {
            const size_t given = panel + i < weights->n ? weights->k : 0;
            const size_t to = order->base(packing->k, panel + i) + first / PANEL * order->block;
            if (half)
                pack_halves(from[i], factor[i], first, given, order, (uint16_t *)packing->out + to);
            else
                pack_floats(from[i], factor[i], first, given, order, (float *)packing->out + to);
        }
}

static void pack_part(void *context, size_t part)
{
    const struct packing *packing = context;
    const size_t step = packing->panels_a_part * PANEL, end = (part + 1) * step;
    for (size_t panel = part * step; panel < packing->n && panel < end; panel += PANEL)
        pack_panel(packing, panel);
}

void gemm_pack(const struct kernels *kernels, const struct gemm_weights *weights, size_t n, size_t k,
               void *out)
{
    assert(n % PANEL == 0 && k % K_STEP == 0 && weights->n <= n && weights->k <= k);
    struct packing packing = {kernels, weights, n, k, .panels_a_part = PART_VALUES / (PANEL * k) + 1, out};
    parallel_run((n / PANEL + packing.panels_a_part - 1) / packing.panels_a_part, pack_part, &packing);
}
