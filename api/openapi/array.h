/* For build steps: bytes as a C array. */
#ifndef CXRD_API_OPENAPI_ARRAY_H
#define CXRD_API_OPENAPI_ARRAY_H

#include "engine/base/memory.h"

#include <stdio.h>

/* Writes `static const uint8_t NAME[]`, the bytes and a zero behind them: they stand as text, which compilers
 * read many times as fast as numbers. `out` keeps what failed. */
void array_write(FILE *out, const char *name, struct bytes content);

#endif
