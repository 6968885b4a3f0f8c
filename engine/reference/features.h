/* Features of one block, as plain loops; shapes as in shaders/params/features.h. */
#ifndef CXRD_ENGINE_REFERENCE_FEATURES_H
#define CXRD_ENGINE_REFERENCE_FEATURES_H

#include <stddef.h>

void reference_features(const float *x, const float *weight, const float *bias, float *classes,
                        float *patches, size_t batch, size_t tokens, size_t prefix_rows, size_t width,
                        size_t class_stride, size_t class_offset, double epsilon);

#endif
