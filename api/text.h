/* Text from clients: percent-encoding, UTF-8 and lists. */
#ifndef CXRD_API_TEXT_H
#define CXRD_API_TEXT_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* True when a header's value, its parameters aside, is this type; case does not matter. */
bool text_is_type(const char *value, const char *type);

/* Decodes %XX (and '+' as a space when `form`, as in queries) into the arena. Fails with BAD_REQUEST when an
 * escape is broken or the result is not plain text. */
WARN_UNUSED enum status text_percent_decode(struct arena *arena, const char *text, size_t length, bool form,
                                            struct failure *failure, char **out);

/* A text fit to be quoted in a sentence: at most `maximum` bytes and "..." after a cut, which lies between
 * characters; '?' for each byte that is not plain text. */
char *text_quote(struct arena *arena, const char *text, size_t maximum);

/* A text as plain text, whole: "\\xNN" for each byte that is not. */
char *text_escape(struct arena *arena, const char *text);

/* Splits at commas, trims spaces and drops empty items. */
struct text_list {
    const char **items;
    size_t count;
};
struct text_list text_split(struct arena *arena, const char *text);

/* "a, b and 3 more" of at most `maximum` bytes; "none" when there are none. */
char *text_join(struct arena *arena, const char *const *items, size_t count, size_t maximum);

/* The whole of the text as a finite number; false when it is not one. */
bool text_number(const char *text, double *out);

#endif
