/* A matrix on the host, row by row, in the precision it had on the device. */
#ifndef CXRD_ENGINE_MODEL_ROWS_H
#define CXRD_ENGINE_MODEL_ROWS_H

#include "engine/kernels/layout.h"
#include "engine/kernels/rung.h"

struct rows {
    void *data; /* the caller's to free */
    enum element element;
    size_t rows, columns;
};

/* Copies `rows` rows from `row` on, and of them `columns` columns from `column` on (multiples of 16), out of
 * a matrix whose elements from index `start` on are at `data`. */
struct rows rows_gather(const void *data, size_t start, enum element element, const struct layout *layout,
                        size_t row, size_t rows, size_t column, size_t columns);
/* Writes the values as float32: out[rows][columns]. */
void rows_read(const struct rows *rows, float *out);

#endif
