/* What names of files and tensors end in. */
#ifndef CXRD_ENGINE_BASE_TEXT_H
#define CXRD_ENGINE_BASE_TEXT_H

#include <stddef.h>
#include <string.h>

/* Bytes of a text before what it ends in; 0 when it ends in something else, or is nothing more. */
static inline size_t text_stem(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length > tail && !strcmp(text + length - tail, end) ? length - tail : 0;
}

#endif
