/* Multiply-adds on registers alone: what `cxrd bench` measures the device by. */
#ifndef CXRD_SHADERS_PARAMS_PEAK_H
#define CXRD_SHADERS_PARAMS_PEAK_H
#include "params.h"

CHOICES(peak_size)
    PEAK_THREADS = 64,  /* of a workgroup */
    PEAK_SUMS = 14,     /* of a thread */
    PEAK_UNROLLED = 64  /* multiply-adds of each sum in a round */
END_CHOICES;

PARAMS(peak_params)
    ADDRESS out; /* float32 [threads], so that nothing is left out */
    UINT rounds;
    FLOAT factor;
END_PARAMS;

#endif
