#include "engine/base/status.h"

#include "engine/base/utf8.h"

#include <stdio.h>
#include <string.h>

enum status failure_set(struct failure *failure, enum status status, const char *format, ...)
{
    if (!failure)
        return status;
    failure->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->sentence, sizeof failure->sentence, format, arguments);
    va_end(arguments);
    utf8_make_plain(failure->sentence); /* whatever went into it, and wherever it was cut */
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
    utf8_make_plain(failure->sentence); /* whatever went into it, and wherever it was cut */
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
