#include "engine/reference/layernorm.h"
#include "engine/reference/panel.h"

#include <math.h>

void reference_layernorm(const float *x, const float *weight, const float *bias, float *out, size_t rows,
                         size_t width, double epsilon)
{
    for (size_t row = 0; row < rows; row++) {
        double mean = 0, variance = 0;
        for (size_t column = 0; column < width; column++)
            mean += x[panel_at(rows, row, column)];
        mean /= (double)width;
        for (size_t column = 0; column < width; column++) {
            double difference = x[panel_at(rows, row, column)] - mean;
            variance += difference * difference;
        }
        variance /= (double)width;
        for (size_t column = 0; column < width; column++) {
            size_t at = panel_at(rows, row, column);
            out[at] = (float)((x[at] - mean) / sqrt(variance + epsilon) * weight[column] + bias[column]);
        }
    }
}
