#include "engine/reference/pool.h"
#include "engine/reference/panel.h"

void reference_pool(const float *weights, const float *memory, float *out, size_t batch, size_t patches,
                    size_t columns, size_t classes, size_t width)
{
    for (size_t image = 0; image < batch; image++)
        for (size_t column = 0; column < classes * GLORI_HEADS; column++)
            for (size_t e = 0; e < width; e++) {
                size_t class = column / GLORI_HEADS, head = column % GLORI_HEADS;
                const float *weight = weights + (image * columns + column) * patches;
                double sum = 0;
                for (size_t patch = 0; patch < patches; patch++)
                    sum +=
                        (double)weight[patch] * memory[panel_at(batch * patches, image * patches + patch, e)];
                out[panel_at(batch * classes, image * classes + class, head * width + e)] = (float)sum;
            }
}
