/* Patches as rows of a GEMM: normalised pixels, k = channel*P*P + row*P + column, padded with zeros to `columns`. */
#ifndef CXRD_SHADERS_PARAMS_PATCHIFY_H
#define CXRD_SHADERS_PARAMS_PATCHIFY_H
#include "params.h"

PARAMS(patchify_params)
    ADDRESS pixels;        /* bytes RGB [batch][patch_rows*patch][patch_columns*patch][3], each image's start a multiple of 4 bytes (image_stride) */
    ADDRESS normalisation; /* float32 [batch][6]: scale R G B, shift R G B; value = byte * scale + shift */
    ADDRESS out;           /* activations [batch*patch_rows*patch_columns][columns] */
    UINT batch, patch, patch_rows, patch_columns, columns, image_stride;
END_PARAMS;

#endif
