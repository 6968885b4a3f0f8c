/* Patches as rows of a GEMM, as plain loops; shapes as in shaders/params/patchify.h. */
#ifndef CXRD_ENGINE_REFERENCE_PATCHIFY_H
#define CXRD_ENGINE_REFERENCE_PATCHIFY_H

#include <stddef.h>
#include <stdint.h>

void reference_patchify(const uint8_t *pixels, const float *normalisation, float *out, size_t batch,
                        size_t patch, size_t patch_rows, size_t patch_columns, size_t columns,
                        size_t image_stride);

#endif
