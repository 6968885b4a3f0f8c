#include "engine/base/status.h"

#include "engine/base/utf8.h"

#include <stdio.h>
#include <string.h>

enum status failure_set(struct failure *failure, enum status status, const char *format, ...)
{
    if (!failure)
        return status;
    failure->status = status;
    char text[2 * FAILURE_SENTENCE_BYTES]; /* what is cut off here would not fit anyway */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    utf8_escape(text, failure->sentence, sizeof failure->sentence);
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
    utf8_escape(joined, failure->sentence, sizeof failure->sentence);
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
