/* Matrices in panels, put in order: every place, both element types. */
#include "engine/base/half.h"
#include "engine/base/memory.h"
#include "engine/model/panels.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { ROWS = 5, COLUMNS = 48 };

/* The place of a value in panels of 16 columns. */
static size_t place(size_t row, size_t column)
{
    return column / 16 * ROWS * 16 + row * 16 + column % 16;
}

static void check_order(const void *data, enum element element)
{
    float out[ROWS][COLUMNS];
    panels_unpack(&(struct panels){(void *)data, element, ROWS, COLUMNS}, &out[0][0]);
    for (int row = 0; row < ROWS; row++)
        for (int column = 0; column < COLUMNS; column++)
            ck_assert_float_eq(out[row][column], (float)(row * 100 + column));
}

START_TEST(rows_come_out_in_order)
{
    float floats[ROWS * COLUMNS];
    uint16_t halves[ROWS * COLUMNS];
    for (size_t row = 0; row < ROWS; row++)
        for (size_t column = 0; column < COLUMNS; column++) {
            floats[place(row, column)] = (float)(row * 100 + column);
            halves[place(row, column)] = half_from_float((float)(row * 100 + column));
        }
    check_order(floats, ELEMENT_F32);
    check_order(halves, ELEMENT_F16);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("panels");
    tcase_add_test(cases, rows_come_out_in_order);
    return suite_run("panels", cases);
}
