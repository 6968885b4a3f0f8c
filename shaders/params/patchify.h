/* Patches as rows of a GEMM: normalised pixels, k = channel*P*P + row*P + column, padded with zeros to `columns`. */
#ifndef CXRD_SHADERS_PARAMS_PATCHIFY_H
#define CXRD_SHADERS_PARAMS_PATCHIFY_H
#include "params.h"

PARAMS(patchify_params)
    ADDRESS pixels;        /* bytes RGB [batch][side][side][3], each image's start a multiple of 4 bytes (image_stride) */
    ADDRESS normalisation; /* float32 [batch][6]: scale R G B, shift R G B; value = byte * scale + shift */
    ADDRESS out;           /* activations [batch*grid*grid][columns] */
    UINT batch, side, patch, grid, columns, image_stride;
END_PARAMS;

#endif
