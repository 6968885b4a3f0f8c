/* The log: lines on standard error, as text for a person or as JSON lines for a collector. Thread-safe.
 *
 * A line never holds image bytes, file names sent by a client, or patient fields.
 */
#ifndef CXRD_ENGINE_BASE_LOG_H
#define CXRD_ENGINE_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_LEVELS };
enum log_format { LOG_TEXT, LOG_JSON };

/* Sets the process-wide level and format; the default is LOG_WARNING as text. */
void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

/* From now on lines are written by a thread of their own, so that a reader that stalls holds nobody up: lines
 * wait for it in 1 MiB, and those that do not fit are dropped and counted. Without a thread to be had lines
 * go on being written where they arise. */
void log_start_writer(void);
/* Waits until all lines are written, at most so long. To be called before the process ends. */
void log_flush(uint32_t timeout_ms);
/* Lines dropped so far. */
uint64_t log_dropped(void);

/* One line: a sentence. */
void log_message(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line: an event name and members, `members` being the inside of a JSON object
 * ("\"code\":200,\"ms\":3.1"), already escaped by the caller. As text the members are printed as they are. */
void log_event(enum log_level level, const char *event, const char *members);

#endif
