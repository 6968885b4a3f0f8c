#include "engine/checkpoint/note.h"

#include "engine/base/utf8.h"

#include <stdio.h>
#include <string.h>

void note_add(char note[IMPORT_NOTE_BYTES], const char *format, ...)
{
    size_t used = strlen(note);
    char text[IMPORT_NOTE_BYTES];
    va_list arguments;
    if (used && used + 1 < IMPORT_NOTE_BYTES)
        note[used++] = ' ';
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    utf8_escape(text, note + used, IMPORT_NOTE_BYTES - used);
    const char *before = strstr(note, note + used);
    if (before < note + used) /* said already */
        note[used ? used - 1 : 0] = '\0';
}

void note_add_losses(char note[IMPORT_NOTE_BYTES], size_t count, const char *first)
{
    if (count == 1)
        note_add(note, "'%s' is left out: it is of a loss or a metric, which serves training.", first);
    else if (count)
        note_add(note,
                 "%zu tensors ('%s', ...) are left out: they are of losses or metrics, which serve training.",
                 count, first);
}
