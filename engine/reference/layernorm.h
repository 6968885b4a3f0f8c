/* LayerNorm (Ba, Kiros and Hinton, 2016), as plain loops in double precision. */
#ifndef CXRD_ENGINE_REFERENCE_LAYERNORM_H
#define CXRD_ENGINE_REFERENCE_LAYERNORM_H

#include <stddef.h>

/* x and out: panels [width/16][rows][16]; out may be x. weight and bias: [width]. */
void reference_layernorm(const float *x, const float *weight, const float *bias, float *out, size_t rows,
                         size_t width, double epsilon);

#endif
