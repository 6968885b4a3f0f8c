/* Taps: copies of intermediate values, taken while the commands of a forward pass run.
 *
 * A pass is recorded with or without them; without (NULL) they cost nothing.
 */
#ifndef CXRD_ENGINE_MODEL_TAP_H
#define CXRD_ENGINE_MODEL_TAP_H

#include "engine/gpu/recorder.h"
#include "engine/kernels/kernels.h"

struct tap {
    char name[64];        /* "block.00", "patches", "findings.attention" */
    struct layout layout; /* no columns: a plain array of `rows` floats */
    enum element element;
    struct gpu_slice copy; /* readable once the pass is done */
};

enum { TAPS_MAX = 1024 };

struct taps {
    struct gpu_pool *pool; /* GPU_MEMORY_READBACK */
    struct tap list[TAPS_MAX];
    size_t count;
    enum status status; /* of the first failure */
};

/* Records a copy of the matrix or array that `slice` begins with; does nothing when taps is NULL. */
void tap_record(struct taps *taps, struct gpu_recorder *recorder, const struct gpu_slice *slice,
                struct layout layout, enum element element, const char *format, ...) PRINTF_LIKE(6, 7);

/* The tapped values as float32, row-major [rows][columns] (a plain array stays as it is), in memory the
 * caller frees. Only after the pass is done. */
float *tap_values(const struct tap *tap);
const struct tap *tap_find(const struct taps *taps, const char *name);

#endif
