/* Inside kernels/: the kernels on cooperative matrices, of a subgroup (rung matrix) and of a workgroup
 * (matrix2).
 *
 * Every constant that decides their speed is in the tables of matrix.c. */
#ifndef CXRD_ENGINE_KERNELS_MATRIX_H
#define CXRD_ENGINE_KERNELS_MATRIX_H

#include "engine/kernels/set.h"

/* NULL, or the first thing missing that the rung needs of the device or of this build. */
const char *matrix_lacks(const struct gpu_device_info *device);
const char *matrix2_lacks(const struct gpu_device_info *device);

/* How many attention kernels of the rung matrix the device can run, which differ in tiles and in what they
 * ask for. */
uint32_t matrix_attentions(const struct gpu_device_info *device);

/* How the GEMM and the attention kernel of the set's rung, one of the two, are built: for a GEMM the first of
 * the constants is the epilogue, and left to the caller. */
struct variant matrix_gemm(const struct kernels *kernels, enum tile_size size);
struct variant matrix_attention(const struct kernels *kernels, uint32_t index);

#endif
