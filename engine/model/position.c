#include "engine/model/position.h"

#include <math.h>
#include <string.h>

/* The four weights of cubic convolution (Keys 1981) with a = -0.75 for a point t past its second sample. */
static void cubic_weights(double t, double out[4])
{
    const double a = -0.75;
    for (int i = 0; i < 4; i++) {
        double x = fabs(t + 1 - i);
        out[i] = x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    }
}

static uint32_t clamp_index(double index, uint32_t size)
{
    return index < 0 ? 0 : index > size - 1 ? size - 1 : (uint32_t)index;
}

void position_resize(const float *source, uint32_t from, uint32_t width, uint32_t to, double offset,
                     float *out)
{
    if (from == to) {
        memcpy(out, source, (size_t)to * to * width * sizeof *out);
        return;
    }
    double step = from / (to + offset);
    for (uint32_t row = 0; row < to; row++) {
        double y = (row + 0.5) * step - 0.5, wy[4];
        cubic_weights(y - floor(y), wy);
        for (uint32_t column = 0; column < to; column++) {
            double x = (column + 0.5) * step - 0.5, wx[4];
            cubic_weights(x - floor(x), wx);
            float *cell = out + ((size_t)row * to + column) * width;
            for (uint32_t d = 0; d < width; d++) {
                double sum = 0;
                for (int i = 0; i < 4; i++)
                    for (int j = 0; j < 4; j++) {
                        size_t at = (size_t)clamp_index(floor(y) + i - 1, from) * from +
                                    clamp_index(floor(x) + j - 1, from);
                        sum += wy[i] * wx[j] * (double)source[at * width + d];
                    }
                cell[d] = (float)sum;
            }
        }
    }
}
