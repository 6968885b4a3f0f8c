#include "engine/base/log.h"

#include "engine/base/log_writer.h"
#include "engine/base/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Atomic enum log_level threshold = LOG_WARNING;
static _Atomic enum log_format shape = LOG_TEXT;
static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
static_assert(sizeof level_names / sizeof *level_names == LOG_LEVELS, "a name a level");

enum { LOG_LINE_BYTES = 4096 };

void log_configure(enum log_level level, enum log_format format)
{
    atomic_store(&threshold, level);
    atomic_store(&shape, format);
}

bool log_enabled(enum log_level level)
{
    return level <= atomic_load(&threshold);
}

/* JSON string escapes into `out`, cut where it would not fit; a byte that belongs to no character is a
 * question mark. */
static void escape(const char *text, char *out, size_t capacity)
{
    size_t used = 0, left = strlen(text);
    for (size_t bytes; left && used + 7 < capacity; text += bytes, left -= bytes) {
        const unsigned char byte = (unsigned char)*text;
        const size_t character = utf8_character(text, left);
        bytes = character ? character : 1;
        if (byte == '"' || byte == '\\')
            used += (size_t)snprintf(out + used, capacity - used, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            used += (size_t)snprintf(out + used, capacity - used, "\\u%04x", byte);
        else if (character)
            used += (size_t)snprintf(out + used, capacity - used, "%.*s", (int)bytes, text);
        else
            out[used++] = '?';
    }
    out[used] = '\0';
}

static void emit(enum log_level level, const char *text, const char *json_members)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    char line[2 * LOG_LINE_BYTES];
    int length = atomic_load(&shape) == LOG_JSON
                     ? snprintf(line, sizeof line, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",%s}\n", stamp,
                                now.tv_nsec / 1000000, level_names[level], json_members)
                     : snprintf(line, sizeof line, "%s %s\n", level_names[level], text);
    log_write(line, (size_t)length);
}

void log_message(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    char text[LOG_LINE_BYTES / 2], plain[LOG_LINE_BYTES], escaped[LOG_LINE_BYTES],
        members[LOG_LINE_BYTES + 16];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    escape(text, escaped, sizeof escaped);
    utf8_escape(text, plain, sizeof plain); /* one message is one line, whatever it quotes */
    snprintf(members, sizeof members, "\"message\":\"%s\"", escaped);
    emit(level, plain, members);
}

void log_event(enum log_level level, const char *event, const char *members)
{
    if (!log_enabled(level))
        return;
    char text[LOG_LINE_BYTES], json[LOG_LINE_BYTES];
    snprintf(text, sizeof text, "%s %s", event, members);
    snprintf(json, sizeof json, "\"event\":\"%s\"%s%s", event, *members ? "," : "", members);
    emit(level, text, json);
}
