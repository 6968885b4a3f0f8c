#include "engine/checkpoint/adapter_expression.h"

#include <regex.h>
#include <stddef.h>
#include <string.h>

/* The work of a repeated group may double with each group around it. */
enum { DEPTH_MAX = 4 };

static const char DIGITS[] = "0-9", WORD[] = "A-Za-z0-9_";

struct writer {
    char *out;
    size_t used;
    bool fits;
};

static void put(struct writer *writer, const char *text, size_t length)
{
    writer->fits = writer->fits && writer->used + length < ADAPTER_EXPRESSION_BYTES;
    if (!writer->fits)
        return;
    memcpy(writer->out + writer->used, text, length);
    writer->used += length;
    writer->out[writer->used] = '\0';
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The set that begins behind '['; returns what follows its ']', or NULL. A '-' stands for itself at both ends
 * alone. */
static const char *write_set(struct writer *writer, const char *at)
{
    bool first = true, may_begin_range = false;
    put(writer, "[", 1);
    if (*at == '^')
        put(writer, at++, 1);
    for (; *at != ']' || first; first = false) {
        if (!*at || *at == ']' || *at == '[')
            return NULL;
        if (*at == '-' && !first && at[1] != ']') {
            if (!may_begin_range || !is_alphanumeric(at[-1]) || !is_alphanumeric(at[1]))
                return NULL;
            put(writer, at, 2);
            at += 2;
            may_begin_range = false;
            continue;
        }
        may_begin_range = *at != '\\';
        if (*at != '\\') {
            put(writer, at++, 1);
            continue;
        }
        const char *named = at[1] == 'd' ? DIGITS : at[1] == 'w' ? WORD : at[1] == '.' ? "." : NULL;
        if (!named)
            return NULL;
        put(writer, named, strlen(named));
        at += 2;
    }
    put(writer, "]", 1);
    return at + 1;
}

/* What follows a backslash; returns what follows that, or NULL. */
static const char *write_escaped(struct writer *writer, const char *at)
{
    const char *set = *at == 'd' ? DIGITS : *at == 'w' ? WORD : NULL;
    if (set) {
        put(writer, "[", 1);
        put(writer, set, strlen(set));
        put(writer, "]", 1);
        return at + 1;
    }
    if (!*at || is_alphanumeric(*at))
        return NULL;
    if (strchr(".[]()*+?{}|^$\\", *at)) /* POSIX's meaning of others escaped is its own */
        put(writer, "\\", 1);
    put(writer, at, 1);
    return at + 1;
}

/* One element; returns what follows it, or NULL. *repeats: whether what was written before may be repeated.
 */
static const char *write_element(struct writer *writer, const char *at, size_t *depth, bool *repeats)
{
    const bool could_repeat = *repeats;
    *repeats = false;
    switch (*at) {
    case '*':
    case '+':
    case '?':
        put(writer, at, 1); /* behind it '?' says which of several matches is found first */
        return could_repeat ? at + 1 + (at[1] == '?') : NULL;
    case '(':
        if (++*depth > DEPTH_MAX)
            return NULL;
        put(writer, "(", 1);
        return at[1] != '?' ? at + 1 : at[2] == ':' ? at + 3 : NULL;
    case ')':
        *repeats = true;
        put(writer, ")", 1);
        return (*depth)-- ? at + 1 : NULL;
    case '|':
    case '^':
    case '$':
        put(writer, at, 1);
        return at + 1;
    case '{':
    case '}':
        return NULL;
    default:
        break;
    }
    *repeats = true;
    if (*at == '[')
        return write_set(writer, at + 1);
    if (*at == '\\')
        return write_escaped(writer, at + 1);
    put(writer, at, 1);
    return at + 1;
}

static bool compile(const char *posix, regex_t *out)
{
    return !regcomp(out, posix, REG_EXTENDED | REG_NOSUB);
}

bool adapter_expression_read(const char *python, char posix[ADAPTER_EXPRESSION_BYTES])
{
    struct writer writer = {.out = posix, .fits = true};
    size_t depth = 0;
    bool repeats = false;
    for (const char *c = python; *c; c++)
        if (*c < ' ' || *c > '~')
            return false;
    put(&writer, "^(", 2);
    while (python && *python)
        python = write_element(&writer, python, &depth, &repeats);
    put(&writer, ")$", 2);
    regex_t compiled;
    if (!python || depth || !writer.fits || !compile(posix, &compiled))
        return false;
    regfree(&compiled);
    return true;
}

bool adapter_expression_matches(const char *posix, const char *name)
{
    regex_t compiled;
    if (!compile(posix, &compiled))
        return false;
    const bool matches = !regexec(&compiled, name, 0, NULL, 0);
    regfree(&compiled);
    return matches;
}
