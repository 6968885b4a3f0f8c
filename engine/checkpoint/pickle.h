/* Pickles as torch.save writes them, read without executing anything.
 *
 * A pickle is a program for a small stack machine. This one runs the opcodes of protocol 2 and the harmless
 * ones of 3 to 5, within bounds on input, steps, memo and memory. Of the callables a pickle may name only
 * those that rebuild tensors and ordered dicts have a meaning here (rebuild.h); every other name, and
 * whatever would come of calling it, is an inert node. https://docs.python.org/3/library/pickle.html,
 * pickletools.py.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_PICKLE_H
#define CXRD_ENGINE_CHECKPOINT_PICKLE_H

#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/checkpoint/value.h"

enum {
    PICKLE_BYTES_MAX = 64 << 20,
    PICKLE_STEPS_MAX = 10 * 1000 * 1000,
    PICKLE_MEMO_MAX = 4 * 1000 * 1000,
    PICKLE_MEMORY_BYTES_MAX = 256 << 20
};

/* Builds the value the pickle describes, in `arena`. Fails with INVALID_FILE and a sentence that gives the
 * byte at which the pickle is not valid, holds an opcode that is not allowed, or passes a bound. */
WARN_UNUSED enum status pickle_parse(struct bytes pickle, struct arena *arena, struct failure *failure,
                                     struct value **out);

#endif
