/* Where an element of a panel matrix lies, as shaders/params/params.h lays it out. */
#ifndef CXRD_ENGINE_REFERENCE_PANEL_H
#define CXRD_ENGINE_REFERENCE_PANEL_H

#include <stddef.h>

#include "shaders/params/params.h"

/* Of element (row, column) of `rows` rows. */
static inline size_t panel_at(size_t rows, size_t row, size_t column)
{
    return (column / PANEL * rows + row) * PANEL + column % PANEL;
}

#endif
