#include "engine/reference/tokens.h"
#include "engine/reference/panel.h"

void reference_tokens(const float *prefix, float *out, size_t batch, size_t tokens, size_t prefix_rows,
                      size_t width)
{
    for (size_t image = 0; image < batch; image++)
        for (size_t row = 0; row < prefix_rows; row++)
            for (size_t column = 0; column < width; column++)
                out[panel_at(batch * tokens, image * tokens + row, column)] = prefix[row * width + column];
}
