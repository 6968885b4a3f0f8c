/* The rows before the patches, as plain loops; shapes as in shaders/params/tokens.h. */
#ifndef CXRD_ENGINE_REFERENCE_TOKENS_H
#define CXRD_ENGINE_REFERENCE_TOKENS_H

#include <stddef.h>

void reference_tokens(const float *prefix, float *out, size_t batch, size_t tokens, size_t prefix_rows,
                      size_t width);

#endif
