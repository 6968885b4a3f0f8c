#include "engine/base/status.h"

#include <stdio.h>
#include <string.h>

/* Keeps a sentence's promises whatever went into it: one line, no control bytes, and no half character at the
 * end where vsnprintf cut it. */
static void sentence_finish(char *sentence)
{
    size_t length = strlen(sentence);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)sentence[i] < 0x20 || sentence[i] == 0x7f)
            sentence[i] = ' ';
    if (length < FAILURE_SENTENCE_BYTES - 1)
        return;
    size_t start = length; /* of the last character */
    while (start > 0 && ((unsigned char)sentence[--start] & 0xc0) == 0x80)
        ;
    unsigned char lead = (unsigned char)sentence[start];
    size_t width = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (start + width > length)
        sentence[start] = '\0';
}

enum status failure_set(struct failure *failure, enum status status, const char *format, ...)
{
    if (!failure)
        return status;
    failure->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->sentence, sizeof failure->sentence, format, arguments);
    va_end(arguments);
    sentence_finish(failure->sentence);
    return status;
}

enum status failure_prefix(struct failure *failure, const char *format, ...)
{
    if (!failure)
        return STATUS_INTERNAL;
    char prefix[FAILURE_SENTENCE_BYTES], joined[2 * FAILURE_SENTENCE_BYTES + 3];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    snprintf(joined, sizeof joined, "%s: %s", prefix, failure->sentence);
    joined[sizeof failure->sentence - 1] = '\0';
    memcpy(failure->sentence, joined, strlen(joined) + 1);
    sentence_finish(failure->sentence);
    return failure->status;
}

const char *status_name(enum status status)
{
    static const char *const names[STATUS_COUNT] = {
#define STATUS_NAME(name, code, title) [STATUS_##name] = #name,
        STATUS_TABLE(STATUS_NAME)
#undef STATUS_NAME
    };
    return (unsigned)status < STATUS_COUNT ? names[status] : "?";
}
