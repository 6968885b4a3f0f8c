/* LayerNorm over the columns of each row, biased variance, float32 statistics. */
#ifndef CXRD_SHADERS_PARAMS_LAYERNORM_H
#define CXRD_SHADERS_PARAMS_LAYERNORM_H
#include "params.h"

PARAMS(layernorm_params)
    ADDRESS x;      /* float32 panels [width/16][rows][16] */
    ADDRESS weight; /* float32 [width] */
    ADDRESS bias;   /* float32 [width] */
    ADDRESS out;    /* activations [rows][width], or 0 */
    ADDRESS exact;  /* the same in float32 panels, or 0; may be x itself */
    UINT rows, width;
    FLOAT epsilon;
END_PARAMS;

#endif
