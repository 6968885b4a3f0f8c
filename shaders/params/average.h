/* Mean over the patches of each image. */
#ifndef CXRD_SHADERS_PARAMS_AVERAGE_H
#define CXRD_SHADERS_PARAMS_AVERAGE_H
#include "params.h"

PARAMS(average_params)
    ADDRESS patches; /* width columns of activations [batch*patch_count][patch_columns] */
    ADDRESS out;     /* float32 panels [width/16][batch][16] */
    UINT batch, patch_count, width, patch_columns;
END_PARAMS;

#endif
