#include "api/text.h"

#include "engine/base/hex.h"
#include "engine/base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool text_is_type(const char *value, const char *type)
{
    size_t length = strcspn(value, "; \t");
    return length == strlen(type) && !strncasecmp(value, type, length);
}

enum status text_percent_decode(struct arena *arena, const char *text, size_t length, bool form,
                                struct failure *failure, char **out)
{
    char *decoded = arena_allocate(arena, length + 1, 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '%') {
            decoded[used++] = form && text[i] == '+' ? ' ' : text[i];
            continue;
        }
        int high = length - i > 2 ? hex_value(text[i + 1]) : -1;
        int low = length - i > 2 ? hex_value(text[i + 2]) : -1;
        if (high < 0 || low < 0)
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "The address has '%.*s' where '%%' and two hexadecimal digits are needed.",
                               length - i > 2 ? 3 : (int)(length - i), text + i);
        decoded[used++] = (char)(high << 4 | low);
        i += 2;
    }
    if (!utf8_is_plain(decoded, used))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The address holds control characters or bytes that are not UTF-8.");
    *out = decoded;
    return STATUS_OK;
}

char *text_quote(struct arena *arena, const char *text, size_t maximum)
{
    size_t length = strlen(text), taken = 0, used = 0;
    char *quoted = arena_allocate(arena, maximum + sizeof "...", 1);
    while (taken < length) {
        size_t step = utf8_character(text + taken, length - taken);
        if (used + (step ? step : 1) > maximum)
            break;
        memcpy(quoted + used, step ? text + taken : "?", step ? step : 1);
        used += step ? step : 1;
        taken += step ? step : 1;
    }
    if (taken < length)
        memcpy(quoted + used, "...", 3);
    return quoted;
}

char *text_escape(struct arena *arena, const char *text)
{
    size_t room = utf8_escape_room(strlen(text));
    char *out = arena_allocate(arena, room, 1);
    utf8_escape(text, out, room);
    return out;
}

struct text_list text_split(struct arena *arena, const char *text)
{
    size_t most = 1;
    for (const char *at = text; *at; at++)
        most += *at == ',';
    struct text_list list = {arena_allocate(arena, most, sizeof *list.items), 0};
    while (*text) {
        size_t length = strcspn(text, ",");
        const char *start = text, *end = text + length;
        while (start < end && *start == ' ')
            start++;
        while (end > start && end[-1] == ' ')
            end--;
        if (end > start)
            list.items[list.count++] = arena_copy_text(arena, start, (size_t)(end - start));
        text += length + (text[length] == ',');
    }
    return list;
}

char *text_join(struct arena *arena, const char *const *items, size_t count, size_t maximum)
{
    enum { TAIL_BYTES = 16 }; /* " and 1234 more" */
    if (!count)
        return arena_copy_text(arena, "none", 4);
    size_t taken = 0, length = 0;
    while (taken < count && length + strlen(items[taken]) + 2 + TAIL_BYTES <= maximum)
        length += strlen(items[taken++]) + 2;
    char *joined = arena_allocate(arena, length + TAIL_BYTES + 32, 1);
    for (size_t i = 0; i < taken; i++) {
        strcat(joined, i ? ", " : "");
        strcat(joined, items[i]);
    }
    if (taken == count)
        return joined;
    return arena_format(arena, taken ? "%s and %zu more" : "%s%zu names", joined, count - taken);
}

bool text_number(const char *text, double *out)
{
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end || !isfinite(number) || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;
    *out = number;
    return true;
}
