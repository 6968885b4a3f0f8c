/* Mapped files that someone cuts short while they are read.
 *
 * A read behind the new end of such a file raises SIGBUS, which would end the process and with it the
 * requests of everybody. Within a range that was announced here it reads zeros instead. Whoever maps a file
 * asks afterwards whether it is still what it was (file_unchanged), and refuses what was read when it is not.
 */
#ifndef CXRD_ENGINE_BASE_CUT_H
#define CXRD_ENGINE_BASE_CUT_H

#include "engine/base/memory.h"

enum { CUT_RANGES_MAX = 2048 };

/* Announces a mapping; false when CUT_RANGES_MAX are. The first call installs the handler of SIGBUS, which
 * leaves every other address to the handler that was there. Thread-safe. */
bool cut_begin(struct bytes mapping);
/* To be called before the mapping goes. Thread-safe. */
void cut_end(struct bytes mapping);

#endif
