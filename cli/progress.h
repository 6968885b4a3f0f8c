/* How far a long run is, on standard error: a bar where that is a terminal, else a line a minute. */
#ifndef CXRD_CLI_PROGRESS_H
#define CXRD_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_LINE_S = 60 };

struct progress {
    const char *command, *unit; /* "embed", "images" */
    size_t total, before;       /* of `unit`; those that an earlier run did, which count for no rate */
    bool quiet;                 /* nothing is shown */
    uint64_t began_ns, said_ns; /* set by progress_begin */
};

/* Starts the clock of a run whose other members are set. */
void progress_begin(struct progress *progress);
/* Shows that `done` are, and what is at hand. */
void progress_show(struct progress *progress, size_t done, const char *what);
/* The same at a given time of clock_now_ns. */
void progress_show_at(struct progress *progress, size_t done, const char *what, uint64_t now_ns);
/* As progress_show, in the form that imports report bytes; `context` is a progress of MiB. */
void progress_bytes(void *context, size_t done_bytes, size_t total_bytes);
/* Takes the bar away, before anything else is printed and at the end. */
void progress_clear(void);

/* "640 of 1042 images, 3.2 images/s, 2 min left"; the rest once there is a rate. Returns `text`. */
enum { PROGRESS_TEXT_BYTES = 160 };
const char *progress_text(const struct progress *progress, size_t done, uint64_t now_ns,
                          char text[PROGRESS_TEXT_BYTES]);

#endif
