#include "engine/reference/average.h"
#include "engine/reference/panel.h"

void reference_average(const float *patches, float *out, size_t batch, size_t patch_count, size_t width)
{
    for (size_t image = 0; image < batch; image++)
        for (size_t column = 0; column < width; column++) {
            double sum = 0;
            for (size_t patch = 0; patch < patch_count; patch++)
                sum += patches[panel_at(batch * patch_count, image * patch_count + patch, column)];
            out[panel_at(batch, image, column)] = (float)(sum / (double)patch_count);
        }
}
