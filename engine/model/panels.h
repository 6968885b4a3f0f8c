/* A matrix in panels (shaders/params/params.h) on the host: [columns/16][rows][16], as it lay on the device.
 */
#ifndef CXRD_ENGINE_MODEL_PANELS_H
#define CXRD_ENGINE_MODEL_PANELS_H

#include "engine/kernels/rung.h"

struct panels {
    void *data;
    enum element element;
    uint32_t rows, columns; /* columns: a multiple of 16 */
};

/* Writes the values as float32, row by row: out[rows][columns]. */
void panels_unpack(const struct panels *panels, float *out);

#endif
