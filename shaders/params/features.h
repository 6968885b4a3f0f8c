/* The final LayerNorm of one block's output, split into class token and patch tokens. */
#ifndef CXRD_SHADERS_PARAMS_FEATURES_H
#define CXRD_SHADERS_PARAMS_FEATURES_H
#include "params.h"

PARAMS(features_params)
    ADDRESS x;       /* float32 panels [width/16][batch*tokens][16] */
    ADDRESS weight;  /* float32 [width] */
    ADDRESS bias;    /* float32 [width] */
    ADDRESS classes; /* float32 [batch][class_stride]: row 0 of each image, at class_offset */
    ADDRESS patches; /* rows prefix_rows.. of each image: width columns of activations [batch*patches][patch_columns] */
    UINT batch, tokens, prefix_rows, width, class_stride, class_offset, patch_columns;
    FLOAT epsilon;
END_PARAMS;

#endif
