#include "api/trace.h"

#include "engine/base/clock.h"
#include "engine/base/hex.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* `count` hexadecimal digits, not all of them 0. */
static bool is_identifier(const char *text, size_t count)
{
    size_t zeros = strspn(text, "0");
    return strspn(text, HEX_DIGITS) >= count && zeros < count;
}

/* version "-" trace-id "-" parent-id "-" flags: of version 00 exactly that, of later ones at least that. */
static bool is_valid(const char *text)
{
    enum { PARENT = 3 + TRACE_ID_DIGITS + 1, FLAGS = PARENT + TRACE_SPAN_DIGITS + 1, END = FLAGS + 2 };
    if (strlen(text) < END || strspn(text, HEX_DIGITS) != 2 || !strncmp(text, "ff", 2) || text[2] != '-')
        return false;
    if (!is_identifier(text + 3, TRACE_ID_DIGITS) || text[PARENT - 1] != '-')
        return false;
    if (!is_identifier(text + PARENT, TRACE_SPAN_DIGITS) || text[FLAGS - 1] != '-')
        return false;
    if (strspn(text + FLAGS, HEX_DIGITS) != 2)
        return false;
    return !text[END] || (text[END] == '-' && strncmp(text, "00", 2) != 0);
}

static void random_digits(char *out, size_t count)
{
    uint64_t random[TRACE_ID_DIGITS / 16] = {0};
    /* Where the kernel has no randomness yet, the time still tells requests apart. */
    if (getrandom(random, count / 2, GRND_NONBLOCK) != (ssize_t)(count / 2))
        random[0] = clock_now_ns();
    random[0] |= 1; /* all zeros would be no identifier */
    for (size_t i = 0; i < count; i += 16)
        snprintf(out + i, 17, "%016llx", (unsigned long long)random[i / 16]);
}

void trace_init(struct trace *trace, const char *traceparent)
{
    *trace = (struct trace){0};
    random_digits(trace->span, TRACE_SPAN_DIGITS);
    if (!traceparent || !is_valid(traceparent)) {
        random_digits(trace->id, TRACE_ID_DIGITS);
        return;
    }
    memcpy(trace->id, traceparent + 3, TRACE_ID_DIGITS);
    memcpy(trace->parent, traceparent + 3 + TRACE_ID_DIGITS + 1, TRACE_SPAN_DIGITS);
    char last = traceparent[3 + TRACE_ID_DIGITS + 1 + TRACE_SPAN_DIGITS + 2];
    trace->sampled = hex_value(last) & 1;
}

void trace_print(const struct trace *trace, char out[TRACE_PARENT_BYTES])
{
    snprintf(out, TRACE_PARENT_BYTES, "00-%s-%s-%s", trace->id, trace->span, trace->sampled ? "01" : "00");
}
