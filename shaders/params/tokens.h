/* The rows before the patches: class token (its position added at load) and registers, copied into every image. */
#ifndef CXRD_SHADERS_PARAMS_TOKENS_H
#define CXRD_SHADERS_PARAMS_TOKENS_H
#include "params.h"

PARAMS(tokens_params)
    ADDRESS prefix; /* float32 [prefix_rows][width] */
    ADDRESS out;    /* float32 panels [width/16][batch*tokens][16]; rows 0..prefix_rows-1 of each image are written */
    UINT batch, tokens, prefix_rows, width;
END_PARAMS;

#endif
