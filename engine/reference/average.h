/* Mean over the patches, as plain loops in double precision; shapes as in shaders/params/average.h. */
#ifndef CXRD_ENGINE_REFERENCE_AVERAGE_H
#define CXRD_ENGINE_REFERENCE_AVERAGE_H

#include <stddef.h>

void reference_average(const float *patches, float *out, size_t batch, size_t patch_count, size_t width);

#endif
