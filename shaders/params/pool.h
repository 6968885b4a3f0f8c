/* Attention pooling: z[b*classes + c][h*width + e] = sum over p of weights[b][c*8 + h][p] * memory[b*patches + p][e]. */
#ifndef CXRD_SHADERS_PARAMS_POOL_H
#define CXRD_SHADERS_PARAMS_POOL_H
#include "params.h"

PARAMS(pool_params)
    ADDRESS weights; /* float32 [batch][columns][patches] */
    ADDRESS memory;  /* activations [batch*patches][width] */
    ADDRESS out;     /* activations [batch*classes][8*width] */
    UINT batch, patches, columns, classes, width;
END_PARAMS;

#endif
