/* SIGTERM, SIGINT and SIGHUP as something to wait for. */
#ifndef CXRD_SERVER_SIGNALS_H
#define CXRD_SERVER_SIGNALS_H

#include <stdbool.h>

/* Event counters that become readable. */
struct signals {
    int stop;   /* SIGTERM or SIGINT */
    int reload; /* SIGHUP */
};

/* From now on the first SIGTERM or SIGINT makes `stop` readable, and a later one, unless it is within 100 ms,
 * ends the process at once with 128 + its number. SIGPIPE is ignored. To be called once. */
struct signals signals_install(void);
/* Whether the first signal was SIGTERM, which a supervisor sends, and not a person's SIGINT. */
bool signals_polite(void);

#endif
