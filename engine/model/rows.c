#include "engine/model/rows.h"

#include "engine/base/half.h"
#include "engine/base/memory.h"

#include <assert.h>
#include <string.h>

struct rows rows_gather(const void *data, size_t start, enum element element, const struct layout *layout,
                        size_t row, size_t rows, size_t column, size_t columns)
{
    assert(row + rows <= layout->rows && column + columns <= layout->columns);
    assert(column % PANEL == 0 && columns % PANEL == 0 && start <= layout_index(layout, row, column));
    size_t size_bytes = element_size_bytes(element);
    struct rows out = {memory_allocate(rows * columns, size_bytes), element, rows, columns};
    uint8_t *to = out.data;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j += PANEL) {
            size_t from = layout_index(layout, row + i, column + j) - start;
            memcpy(to, (const uint8_t *)data + from * size_bytes, PANEL * size_bytes);
            to += PANEL * size_bytes;
        }
    return out;
}

void rows_read(const struct rows *rows, float *out)
{
    size_t count = rows->rows * rows->columns;
    if (rows->element == ELEMENT_F32)
        memcpy(out, rows->data, count * sizeof *out);
    else
        for (size_t i = 0; i < count; i++)
            out[i] = half_to_float(((const uint16_t *)rows->data)[i]);
}
