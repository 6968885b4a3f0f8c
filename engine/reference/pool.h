/* Attention pooling, as plain loops in double precision; shapes as in shaders/params/pool.h. */
#ifndef CXRD_ENGINE_REFERENCE_POOL_H
#define CXRD_ENGINE_REFERENCE_POOL_H

#include <stddef.h>

void reference_pool(const float *weights, const float *memory, float *out, size_t batch, size_t patches,
                    size_t columns, size_t classes, size_t width);

#endif
