/* UTF-8 (RFC 3629): what may be shown in a reply, a log or a terminal as it is. */
#ifndef CXRD_ENGINE_BASE_UTF8_H
#define CXRD_ENGINE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed character at `text`, of which `left` bytes are there (at least one); 0 when there
 * is none or it is a control character (C0, DEL, C1). */
size_t utf8_character(const char *text, size_t left);

/* True when the text is well-formed and without control characters. */
bool utf8_is_plain(const char *text, size_t length);

/* Makes it so in place: a space for a control character of one byte, a question mark for each byte that
 * belongs to no character, and nothing for a character that the end cuts off. */
void utf8_make_plain(char *text);

#endif
