/* A progress bar on standard error, drawn only when that is a terminal. */
#ifndef CXRD_CLI_PROGRESS_H
#define CXRD_CLI_PROGRESS_H

#include <stddef.h>

/* Redraws the bar: `done` of `total`, and what is at hand. */
void progress_show(size_t done, size_t total, const char *what);
/* Takes the bar away, before anything else is printed and at the end. */
void progress_clear(void);

#endif
