/* Matrices as they lie on the device, put in order: panels and strips, whole and in part, both element types.
 */
#include "engine/base/half.h"
#include "engine/base/memory.h"
#include "engine/model/rows.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>

enum { ROWS = 12, COLUMNS = 48 };

static float value(size_t row, size_t column)
{
    return (float)(row * 100 + column);
}

/* Where strips of 5 and panels put a value, written out once more. */
static size_t place(const struct layout *layout, size_t row, size_t column)
{
    size_t before = layout->strip == ROWS ? 0 : row / 5 * 5 * COLUMNS,
           rows = layout->strip == ROWS ? ROWS : 5;
    return before + column / 16 * rows * 16 + row % rows * 16 + column % 16;
}

static void check_part(struct layout layout, size_t row, size_t rows, size_t column, size_t columns)
{
    size_t start = layout_index(&layout, row / layout.strip * layout.strip, column);
    float *floats = memory_allocate(layout_count(&layout), sizeof *floats);
    uint16_t *halves = memory_allocate(layout_count(&layout), sizeof *halves);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < COLUMNS; j++) {
            floats[place(&layout, i, j)] = value(i, j);
            halves[place(&layout, i, j)] = half_from_float(value(i, j));
        }
    struct rows found[] = {
        rows_gather(floats + start, start, ELEMENT_F32, &layout, row, rows, column, columns),
        rows_gather(halves + start, start, ELEMENT_F16, &layout, row, rows, column, columns)};
    for (size_t n = 0; n < sizeof found / sizeof *found; n++) {
        float out[ROWS * COLUMNS];
        ck_assert_uint_eq(found[n].rows, rows);
        ck_assert_uint_eq(found[n].columns, columns);
        rows_read(&found[n], out);
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < columns; j++)
                ck_assert_float_eq(out[i * columns + j], value(row + i, column + j));
        free(found[n].data);
    }
    free(halves);
    free(floats);
}

START_TEST(rows_come_out_in_order)
{
    const struct layout layouts[] = {layout_panels(ROWS, COLUMNS), {ROWS, COLUMNS, 5}};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        check_part(layouts[i], 0, ROWS, 0, COLUMNS);
        check_part(layouts[i], 4, 7, 16, 32);
        check_part(layouts[i], 11, 1, 32, 16);
    }
}
END_TEST

START_TEST(the_last_strip_is_filled_up)
{
    struct layout panels = layout_panels(ROWS, COLUMNS), strips = {ROWS, COLUMNS, 5};
    ck_assert_uint_eq(layout_count(&panels), ROWS * COLUMNS);
    ck_assert_uint_eq(layout_count(&strips), 15 * COLUMNS);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("rows");
    tcase_add_test(cases, rows_come_out_in_order);
    tcase_add_test(cases, the_last_strip_is_filled_up);
    return suite_run("rows", cases);
}
