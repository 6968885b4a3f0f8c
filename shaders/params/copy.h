/* A copy of 16 bytes after 16 bytes: what `cxrd bench` measures the device's memory by. */
#ifndef CXRD_SHADERS_PARAMS_COPY_H
#define CXRD_SHADERS_PARAMS_COPY_H
#include "params.h"

CHOICES(copy_size)
    COPY_THREADS = 256, /* of a workgroup */
    COPY_VECTORS = 4    /* of 16 bytes that a thread copies */
END_CHOICES;

PARAMS(copy_params)
    ADDRESS from;
    ADDRESS to;
END_PARAMS;

#endif
