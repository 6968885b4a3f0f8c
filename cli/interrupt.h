/* A long run that is interrupted (SIGINT, SIGTERM, SIGHUP) says what is left of it before it ends, as those
 * signals end a program: at once, with 128 and the signal's number in a shell. One process has one such run.
 */
#ifndef CXRD_CLI_INTERRUPT_H
#define CXRD_CLI_INTERRUPT_H

#include "engine/base/status.h"

/* From now on command `name` says this sentence, in the place of any before it. To be called by one thread;
 * what starts processes comes before it. A signal that was ignored when the program started stays so. */
void interrupt_expect(const char *name, const char *format, ...) PRINTF_LIKE(2, 3);
/* Nothing is said any more. */
void interrupt_end(void);

#endif
