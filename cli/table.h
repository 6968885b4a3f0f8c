/* Tables of text on standard output, their columns aligned. */
#ifndef CXRD_CLI_TABLE_H
#define CXRD_CLI_TABLE_H

#include <stdarg.h>
#include <stddef.h>

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
    size_t columns;
    const char *alignment; /* a letter a column: 'l' or 'r' */
    char **cells;          /* row by row, the heading first */
    size_t count;
};

/* `alignment` has a letter a column and outlives the table; the headings follow, a text a column. */
void table_init(struct table *table, const char *alignment, ...);
/* Adds a cell, left to right and row by row; the text is copied, escaped for a terminal. */
void table_add(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints and frees all cells. The last row is whole. */
void table_print(struct table *table);

#endif
