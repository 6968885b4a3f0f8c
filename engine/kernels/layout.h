/* How the elements of a matrix lie on the device (shaders/params/params.h).
 *
 * A panel matrix is one strip of all rows. The layout of an array that is no matrix has no rows.
 */
#ifndef CXRD_ENGINE_KERNELS_LAYOUT_H
#define CXRD_ENGINE_KERNELS_LAYOUT_H

#include <stddef.h>

#include "shaders/params/params.h"

struct layout {
    size_t rows, columns; /* columns: a multiple of 16 */
    size_t strip;         /* rows of a strip */
};

static inline struct layout layout_panels(size_t rows, size_t columns)
{
    return (struct layout){rows, columns, rows};
}

/* Which element (row, column) is. */
static inline size_t layout_index(const struct layout *layout, size_t row, size_t column)
{
    size_t block = row / layout->strip * (layout->columns / PANEL) + column / PANEL;
    return (block * layout->strip + row % layout->strip) * PANEL + column % PANEL;
}

/* Where the element lies that is element i of the same matrix in panels, or of what is no matrix. */
static inline size_t layout_place(const struct layout *layout, size_t i)
{
    if (!layout->rows)
        return i;
    size_t panel = i / (layout->rows * PANEL);
    return layout_index(layout, i / PANEL % layout->rows, panel * PANEL + i % PANEL);
}

/* Elements in all, the rows that fill the last strip up included. */
static inline size_t layout_count(const struct layout *layout)
{
    return (layout->rows + layout->strip - 1) / layout->strip * layout->strip * layout->columns;
}

#endif
