/* Softmax over the patches, as plain loops in double precision; shapes as in shaders/params/softmax.h. */
#ifndef CXRD_ENGINE_REFERENCE_SOFTMAX_H
#define CXRD_ENGINE_REFERENCE_SOFTMAX_H

#include <stddef.h>

void reference_softmax(const float *scores, float *weights, float *mean, size_t batch, size_t patches,
                       size_t columns, size_t classes);

#endif
