#include "engine/reference/features.h"
#include "engine/reference/layernorm.h"
#include "engine/reference/panel.h"

#include <stdlib.h>

#include "engine/base/memory.h"

void reference_features(const float *x, const float *weight, const float *bias, float *classes,
                        float *patches, size_t batch, size_t tokens, size_t prefix_rows, size_t width,
                        size_t class_stride, size_t class_offset, double epsilon)
{
    size_t rows = batch * tokens, patch_count = tokens - prefix_rows;
    float *normed = memory_allocate(rows * width, sizeof *normed);
    reference_layernorm(x, weight, bias, normed, rows, width, epsilon);
    for (size_t image = 0; image < batch; image++)
        for (size_t column = 0; column < width; column++) {
            classes[image * class_stride + class_offset + column] =
                normed[panel_at(rows, image * tokens, column)];
            for (size_t patch = 0; patch < patch_count; patch++)
                patches[panel_at(batch * patch_count, image * patch_count + patch, column)] =
                    normed[panel_at(rows, image * tokens + prefix_rows + patch, column)];
        }
    free(normed);
}
