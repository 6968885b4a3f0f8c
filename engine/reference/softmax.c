#include "engine/reference/softmax.h"
#include "engine/reference/panel.h"

#include <math.h>

/* One column of one image: weights [patches]. */
static void softmax_column(const float *scores, float *weights, size_t rows, size_t first_row, size_t patches,
                           size_t column)
{
    double maximum = -INFINITY, sum = 0;
    for (size_t patch = 0; patch < patches; patch++)
        maximum = fmax(maximum, scores[panel_at(rows, first_row + patch, column)]);
    for (size_t patch = 0; patch < patches; patch++)
        sum += exp2(scores[panel_at(rows, first_row + patch, column)] - maximum);
    for (size_t patch = 0; patch < patches; patch++)
        weights[patch] = (float)(exp2(scores[panel_at(rows, first_row + patch, column)] - maximum) / sum);
}

void reference_softmax(const float *scores, float *weights, float *mean, size_t batch, size_t patches,
                       size_t columns, size_t classes)
{
    for (size_t image = 0; image < batch; image++) {
        float *image_weights = weights + image * columns * patches;
        for (size_t column = 0; column < columns; column++)
            softmax_column(scores, image_weights + column * patches, batch * patches, image * patches,
                           patches, column);
        for (size_t class = 0; class < classes; class ++)
            for (size_t patch = 0; patch < patches; patch++) {
                double sum = 0;
                for (size_t head = 0; head < GLORI_HEADS; head++)
                    sum += image_weights[(class * GLORI_HEADS + head) * patches + patch];
                mean[(image * classes + class) * patches + patch] = (float)(sum / GLORI_HEADS);
            }
    }
}
