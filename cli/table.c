#include "cli/table.h"

#include "engine/base/memory.h"
#include "engine/base/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_cell(struct table *table, const char *text)
{
    size_t room = utf8_escape_room(strlen(text));
    char *cell = memory_allocate(room, 1);
    utf8_escape(text, cell, room); /* names come from files: nothing that moves the cursor */
    table->cells = memory_resize(table->cells, table->count + 1, sizeof *table->cells);
    table->cells[table->count++] = cell;
}

void table_init(struct table *table, const char *alignment, ...)
{
    *table = (struct table){.columns = strlen(alignment), .alignment = alignment};
    assert(table->columns <= TABLE_COLUMNS_MAX);
    va_list headings;
    va_start(headings, alignment);
    for (size_t i = 0; i < table->columns; i++)
        add_cell(table, va_arg(headings, const char *));
    va_end(headings);
}

void table_add(struct table *table, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t length = (size_t)vsnprintf(NULL, 0, format, arguments) + 1;
    char *text = memory_allocate(length, 1);
    vsnprintf(text, length, format, again);
    va_end(again);
    va_end(arguments);
    add_cell(table, text);
    free(text);
}

/* Characters of UTF-8 text, each taken as one column wide. */
static int text_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void table_print(struct table *table)
{
    int widths[TABLE_COLUMNS_MAX] = {0};
    assert(table->count % table->columns == 0);
    for (size_t i = 0; i < table->count; i++) {
        int width = text_width(table->cells[i]), *widest = &widths[i % table->columns];
        *widest = width > *widest ? width : *widest;
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        bool last = column + 1 == table->columns, right = table->alignment[column] == 'r';
        int blanks = widths[column] - text_width(table->cells[i]);
        printf("%*s%s%*s%s", right ? blanks : 0, "", table->cells[i], right || last ? 0 : blanks, "",
               last ? "\n" : "  ");
        free(table->cells[i]);
    }
    free(table->cells);
    *table = (struct table){0};
}
