/* Position embeddings for another grid than the one they were trained on. */
#ifndef CXRD_ENGINE_MODEL_POSITION_H
#define CXRD_ENGINE_MODEL_POSITION_H

#include <stdbool.h>
#include <stdint.h>

struct position_target {
    uint32_t rows, columns;
    double offset;  /* DINOv2's interpolate_offset */
    bool antialias; /* and interpolate_antialias */
};

/* Resizes [from*from][width] to [rows*columns][width], with edges as torch's interpolate(mode="bicubic",
 * align_corners=False) has them. A direction of `to` cells is walked in steps of from / (to + offset).
 * Without antialiasing: cubic convolution with a = -0.75 around (o + 0.5) * step - 0.5, edges clamped. With:
 * the kernel of a = -0.5 around (o + 0.5) * step, stretched by the step where that is over 1, over the cells
 * there are, its weights divided by their sum. Equal grids are copied. */
void position_resize(const float *source, uint32_t from, uint32_t width, const struct position_target *to,
                     float *out);

#endif
