/* UTF-8 (RFC 3629): what may be shown in a reply, a log or a terminal as it is. */
#ifndef CXRD_ENGINE_BASE_UTF8_H
#define CXRD_ENGINE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed character at `text`, whichever it is, of which `left` bytes are there (at least
 * one); 0 when there is none. */
size_t utf8_sequence(const char *text, size_t left);

/* Bytes of the well-formed character at `text`, of which `left` bytes are there (at least one); 0 when there
 * is none, or it is a control character (C0, DEL, C1) or one of those that turn the direction of the text
 * around them, and so can show it as another (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069). */
size_t utf8_character(const char *text, size_t left);

/* True when the text is well-formed and without control characters. */
bool utf8_is_plain(const char *text, size_t length);

/* Writes a text so that it may be shown: as it is, but for "\\xNN" for each byte that may not. `room` bytes
 * take what fits of it, cut between characters, and a zero. Whatever reaches a terminal goes through here:
 * the sentence of a failure, a message of the log, a name. */
void utf8_escape(const char *text, char *out, size_t room);
/* The bytes that take all of it and the zero: four for each of the text's, at the most. */
static inline size_t utf8_escape_room(size_t length)
{
    return 4 * length + 1;
}

/* Writes a plain text as names are compared that are one to a reader, into as many bytes as it takes: each
 * run of spaces of any kind one blank, none at the ends, what has no width left out, ASCII letters small. */
void utf8_fold(const char *text, char *out);
/* Whether a plain text has a combining mark: with these the same letters can be written in two ways. */
bool utf8_has_mark(const char *text);

#endif
