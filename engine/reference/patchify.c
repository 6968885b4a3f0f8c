#include "engine/reference/patchify.h"
#include "engine/reference/panel.h"

void reference_patchify(const uint8_t *pixels, const float *normalisation, float *out, size_t batch,
                        size_t patch, size_t patch_rows, size_t patch_columns, size_t columns,
                        size_t image_stride)
{
    size_t width = patch_columns * patch, rows = batch * patch_rows * patch_columns, row = 0;
    for (size_t image = 0; image < batch; image++)
        for (size_t grid_y = 0; grid_y < patch_rows; grid_y++)
            for (size_t grid_x = 0; grid_x < patch_columns; grid_x++, row++) {
                size_t column = 0;
                for (size_t channel = 0; channel < 3; channel++)
                    for (size_t y = grid_y * patch; y < (grid_y + 1) * patch; y++)
                        for (size_t x = grid_x * patch; x < (grid_x + 1) * patch; x++, column++) {
                            double byte = pixels[image * image_stride + (y * width + x) * 3 + channel];
                            const float *normal = normalisation + image * 6 + channel;
                            out[panel_at(rows, row, column)] = (float)(byte * normal[0] + normal[3]);
                        }
                for (; column < columns; column++)
                    out[panel_at(rows, row, column)] = 0;
            }
}
