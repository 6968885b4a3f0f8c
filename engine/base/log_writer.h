/* Inside the log: the thread that writes its lines. */
#ifndef CXRD_ENGINE_BASE_LOG_WRITER_H
#define CXRD_ENGINE_BASE_LOG_WRITER_H

#include <stddef.h>

/* Hands a line, its line feed included, to the writer: standard error itself before log_start_writer. */
void log_write(const char *line, size_t length);

#endif
