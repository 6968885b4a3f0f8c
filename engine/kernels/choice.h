/* Which kernels a network runs on, by evidence.
 *
 * Unless a rung is asked for by name, every candidate of the device is checked against the plain C reference
 * and timed on the network's own shapes, and the fastest right one is taken. Of the rung that is taken, tiles
 * are timed too, and each shape gets its fastest. What was found is kept in the device's cache folder
 * (record.h, tuned.h) and holds until driver, shaders or shapes change.
 */
#ifndef CXRD_ENGINE_KERNELS_CHOICE_H
#define CXRD_ENGINE_KERNELS_CHOICE_H

#include "engine/kernels/record.h"
#include "engine/kernels/tuning.h"

/* For so long a device is waited for while kernels are chosen. A GPU whose driver resets it when it hangs has
 * done so by then. A CPU driver may compile when it first runs, on cores that others use. */
enum { CHOICE_WAIT_S = 20, CHOICE_WAIT_CPU_S = 180 };

struct kernels_wish {
    const char *rung; /* its name: taken without a trial; NULL: the fastest right one */
    enum precision precision;
    struct trial_shape shape; /* what is timed */
    double tuning_ms;         /* for timing tiles; 0: as tune.h has it; negative: none are timed */
    struct tuning *thorough;  /* NULL, or where all is left that was timed: of every size of batch, anew */
};

/* Fails with BAD_REQUEST (no such rung, or it does not compute in that precision), NO_DEVICE (the device
 * cannot run it), DEVICE (no candidate is right). A candidate that fails is named in the log, and not tried
 * again by later starts. When one loses the device, that is opened again for the next: *device is another one
 * then, or NULL on failure. When a device does not answer at all, the process ends with 3.
 *
 * The caller owns *out and keeps the device alive longer, and notes in the record whether the chosen rung
 * passes what is still before it, unless it was asked for by name. */
WARN_UNUSED enum status kernels_choose(struct gpu_device **device, const struct kernels_wish *wish,
                                       struct rung_record *record, struct failure *failure,
                                       struct kernels **out);

#endif
