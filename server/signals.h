/* SIGTERM and SIGINT as something to wait for. */
#ifndef CXRD_SERVER_SIGNALS_H
#define CXRD_SERVER_SIGNALS_H

#include <stdbool.h>

/* From now on the first signal makes the returned descriptor readable, and the second ends the process at
 * once with 128 + its number. SIGPIPE is ignored. To be called once. */
int signals_install(void);
/* Whether the first signal was SIGTERM, which a supervisor sends, and not a person's SIGINT. */
bool signals_polite(void);

#endif
