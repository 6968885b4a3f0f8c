#include "engine/model/position.h"

#include "engine/base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Which source cells make each target cell along one direction, and how much of each. */
struct axis {
    uint32_t stride;  /* cells a target has room for */
    uint32_t *counts; /* [targets] */
    uint32_t *cells;  /* [targets][stride] */
    double *weights;  /* [targets][stride] */
};

/* Cubic convolution (Keys 1981); 0 from 2 on. */
static double cubic(double x, double a)
{
    x = fabs(x);
    if (x >= 2)
        return 0;
    return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

static uint32_t clamp_index(double index, uint32_t size)
{
    return index < 0 ? 0 : index > size - 1 ? size - 1 : (uint32_t)index;
}

/* The four cells around a place, whatever the step. */
static uint32_t take_four(double place, uint32_t from, uint32_t *cells, double *weights)
{
    double low = floor(place), t = place - low;
    for (int i = 0; i < 4; i++) {
        cells[i] = clamp_index(low + i - 1, from);
        weights[i] = cubic(t + 1 - i, -0.75);
    }
    return 4;
}

/* The cells under a kernel as wide as the step: those that it would need beyond an edge are left out. */
static uint32_t take_covered(double centre, double step, uint32_t from, uint32_t *cells, double *weights)
{
    double stretch = step > 1 ? step : 1, support = 2 * stretch, sum = 0;
    double low = floor(centre - support + 0.5), high = floor(centre + support + 0.5);
    uint32_t first = low < 0 ? 0 : (uint32_t)low, end = high > from ? from : (uint32_t)high, count = 0;
    for (uint32_t cell = first; cell < end; cell++, count++) {
        cells[count] = cell;
        weights[count] = cubic((cell - centre + 0.5) / stretch, -0.5);
        sum += weights[count];
    }
    for (uint32_t i = 0; i < count; i++)
        weights[i] /= sum;
    return count;
}

static struct axis axis_create(uint32_t from, uint32_t to, double offset, bool antialias)
{
    double step = from / (to + offset);
    uint32_t room = antialias ? 2 * (uint32_t)ceil(2 * (step > 1 ? step : 1)) + 1 : 4;
    struct axis axis = {.stride = room,
                        .counts = memory_allocate(to, sizeof *axis.counts),
                        .cells = memory_allocate((size_t)to * room, sizeof *axis.cells),
                        .weights = memory_allocate((size_t)to * room, sizeof *axis.weights)};
    for (uint32_t o = 0; o < to; o++) {
        uint32_t *cells = axis.cells + (size_t)o * room;
        double *weights = axis.weights + (size_t)o * room;
        axis.counts[o] = antialias ? take_covered((o + 0.5) * step, step, from, cells, weights)
                                   : take_four((o + 0.5) * step - 0.5, from, cells, weights);
    }
    return axis;
}

static void axis_finish(struct axis *axis)
{
    free(axis->counts);
    free(axis->cells);
    free(axis->weights);
}

/* out[width] = the cell at a row and a column of the target. */
static void mix(const float *source, uint32_t from, uint32_t width, const struct axis *down, uint32_t row,
                const struct axis *across, uint32_t column, float *out)
{
    size_t y = (size_t)row * down->stride, x = (size_t)column * across->stride;
    for (uint32_t d = 0; d < width; d++) {
        double sum = 0;
        for (uint32_t i = 0; i < down->counts[row]; i++)
            for (uint32_t j = 0; j < across->counts[column]; j++) {
                size_t at = (size_t)down->cells[y + i] * from + across->cells[x + j];
                sum += down->weights[y + i] * across->weights[x + j] * (double)source[at * width + d];
            }
        out[d] = (float)sum;
    }
}

void position_resize(const float *source, uint32_t from, uint32_t width, const struct position_target *to,
                     float *out)
{
    if (from == to->rows && from == to->columns) {
        memcpy(out, source, (size_t)from * from * width * sizeof *out);
        return;
    }
    struct axis down = axis_create(from, to->rows, to->offset, to->antialias);
    struct axis across = axis_create(from, to->columns, to->offset, to->antialias);
    for (uint32_t row = 0; row < to->rows; row++)
        for (uint32_t column = 0; column < to->columns; column++)
            mix(source, from, width, &down, row, &across, column,
                out + ((size_t)row * to->columns + column) * width);
    axis_finish(&across);
    axis_finish(&down);
}
