/* Logits, as plain loops in double precision; shapes as in shaders/params/logits.h. */
#ifndef CXRD_ENGINE_REFERENCE_LOGITS_H
#define CXRD_ENGINE_REFERENCE_LOGITS_H

#include <stdbool.h>
#include <stddef.h>

void reference_logits(const float *first, const float *second, const float *weights, const float *bias,
                      float *out, size_t batch, size_t classes, size_t first_count, size_t first_stride,
                      size_t second_count, bool per_class);

#endif
