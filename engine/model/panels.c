#include "engine/model/panels.h"

#include "engine/base/half.h"
#include "shaders/params/params.h"

#include <assert.h>
#include <string.h>

void panels_unpack(const struct panels *panels, float *out)
{
    size_t rows = panels->rows, columns = panels->columns;
    assert(columns % PANEL == 0);
    for (size_t column = 0; column < columns; column += PANEL)
        for (size_t row = 0; row < rows; row++) {
            size_t from = column * rows + row * PANEL;
            float *to = out + row * columns + column;
            if (panels->element == ELEMENT_F32)
                memcpy(to, (const float *)panels->data + from, PANEL * sizeof *to);
            else
                for (size_t i = 0; i < PANEL; i++)
                    to[i] = half_to_float(((const uint16_t *)panels->data)[from + i]);
        }
}
