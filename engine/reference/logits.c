#include "engine/reference/logits.h"
#include "engine/reference/panel.h"

void reference_logits(const float *first, const float *second, const float *weights, const float *bias,
                      float *out, size_t batch, size_t classes, size_t first_count, size_t first_stride,
                      size_t second_count, bool per_class)
{
    size_t rows = per_class ? batch * classes : batch;
    for (size_t image = 0; image < batch; image++)
        for (size_t class = 0; class < classes; class ++) {
            const float *weight = weights + class * (first_count + second_count);
            size_t row = per_class ? image * classes + class : image;
            double sum = bias[class];
            for (size_t i = 0; i < first_count; i++)
                sum += (double)first[image * first_stride + i] * weight[i];
            for (size_t i = 0; i < second_count; i++)
                sum += (double)second[panel_at(rows, row, i)] * weight[first_count + i];
            out[image * classes + class] = (float)sum;
        }
}
