/* Position embeddings for another grid than the one they were trained on. */
#ifndef CXRD_ENGINE_MODEL_POSITION_H
#define CXRD_ENGINE_MODEL_POSITION_H

#include <stdint.h>

/* Resizes [from*from][width] to [to*to][width]: bicubic with a = -0.75, edges clamped, no antialiasing,
 * source coordinate (o + 0.5) * step - 0.5 with step = from / (to + offset) (DINOv2's interpolate_offset; 0:
 * from / to). Equal grids are copied. */
void position_resize(const float *source, uint32_t from, uint32_t width, uint32_t to, double offset,
                     float *out);

#endif
