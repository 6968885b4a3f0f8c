/* Inside kernels/: the kernels on cooperative matrices, of a subgroup (rung matrix) and of a workgroup
 * (matrix2).
 *
 * Every constant that decides their speed is in the tables of matrix.c. */
#ifndef CXRD_ENGINE_KERNELS_MATRIX_H
#define CXRD_ENGINE_KERNELS_MATRIX_H

#include "engine/kernels/tile.h"

/* NULL, or the first thing missing that the rung needs of the device or of this build. */
const char *matrix_lacks(const struct gpu_device_info *device);
const char *matrix2_lacks(const struct gpu_device_info *device);

/* The tables of tiles, where nothing is missing; of a GEMM the first of the constants is the epilogue, which
 * is left to the caller. */
void matrix_gemm_tiles(const struct gpu_device_info *device, enum element weights, struct tiles *out);
void matrix_attention_tiles(const struct gpu_device_info *device, struct tiles *out);
void matrix2_gemm_tiles(const struct gpu_device_info *device, enum element weights, struct tiles *out);
void matrix2_attention_tiles(const struct gpu_device_info *device, struct tiles *out);

#endif
