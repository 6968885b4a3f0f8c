/* Softmax with base 2 over the patches of each image, column by column: the attention weights of a GLoRI head.
 * Column j = class * 8 + attention head. */
#ifndef CXRD_SHADERS_PARAMS_SOFTMAX_H
#define CXRD_SHADERS_PARAMS_SOFTMAX_H
#include "params.h"

PARAMS(softmax_params)
    ADDRESS scores;  /* float32 panels [columns/16][batch*patches][16] */
    ADDRESS weights; /* float32 [batch][columns][patches] */
    ADDRESS mean;    /* float32 [batch][classes][patches]: mean over the 8 heads of each class < classes */
    UINT batch, patches, columns, classes;
END_PARAMS;

#endif
