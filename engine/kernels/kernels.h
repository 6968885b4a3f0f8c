/* The kernels of one device: for every operation of the network the pipelines of one rung, and how to record
 * it.
 *
 * How activations lie depends on the rung (layout.h). Every record function takes a filled params struct
 * whose addresses come from slices; it chooses pipeline and grid and records one dispatch.
 */
#ifndef CXRD_ENGINE_KERNELS_KERNELS_H
#define CXRD_ENGINE_KERNELS_KERNELS_H

#include "engine/gpu/device.h"
#include "engine/gpu/recorder.h"
#include "engine/kernels/layout.h"
#include "engine/kernels/tile.h"
#include "shaders/params/attention.h"
#include "shaders/params/average.h"
#include "shaders/params/features.h"
#include "shaders/params/gemm.h"
#include "shaders/params/layernorm.h"
#include "shaders/params/logits.h"
#include "shaders/params/patchify.h"
#include "shaders/params/pool.h"
#include "shaders/params/softmax.h"
#include "shaders/params/tokens.h"

/* The widest row that layernorm and features take; every width is a multiple of 16. */
enum { NORM_WIDTH_MAX = 2048 };

struct kernels;
/* Compiles every pipeline. `weights`: how GEMM weights are held, which the rung takes (DEVICE error
 * otherwise). The caller owns *out and keeps the device alive longer.
 */
WARN_UNUSED enum status kernels_create(struct gpu_device *device, enum rung rung, enum element weights,
                                       struct failure *failure, struct kernels **out);
void kernels_destroy(struct kernels **kernels);
enum rung kernels_rung(const struct kernels *kernels);
enum element kernels_activations(const struct kernels *kernels);
/* How a matrix of activations lies, and how much memory it takes. */
struct layout kernels_layout(const struct kernels *kernels, size_t rows, size_t columns);
size_t kernels_activation_bytes(const struct kernels *kernels, size_t rows, size_t columns);
/* From the start of such a matrix to where its column `column` begins. */
size_t kernels_column_bytes(const struct kernels *kernels, size_t rows, size_t columns, size_t column);
enum element kernels_weights(const struct kernels *kernels);
/* Whether V lies transposed for attention (shaders/params/attention.h). */
bool kernels_values_across(const struct kernels *kernels);
/* The tiles of a kind that the device can run (tile.h), and which one a shape gets: what was chosen for it or
 * for the nearest shape (tune.h), else the first. */
const struct tiles *kernels_tiles(const struct kernels *kernels, uint32_t kind);
uint32_t kernels_tile_for(const struct kernels *kernels, const struct tiled_shape *shape);

/* A weight matrix B [n][k] float32 as it was trained. */
struct gemm_weights {
    const float *values;
    size_t n, k;
    const float *gain; /* [n]: each row is multiplied by its own; NULL: by 1 */
    bool paired;       /* row i of the first half becomes row 2i, row i of the second 2i + 1; n is even */
};

/* Which row of B becomes row `row` of what is packed, below n. */
static inline size_t gemm_weights_row(const struct gemm_weights *weights, size_t row)
{
    return weights->paired ? row % 2 * (weights->n / 2) + row / 2 : row;
}

/* Packs weights for the GEMM, on all cores: n padded with zeros to a multiple of 16 and k to one of 64.
 * gemm_packed_size_bytes says how much gemm_pack writes, the scales of float16 rows included
 * (shaders/params/gemm.h). */
size_t gemm_packed_size_bytes(const struct kernels *kernels, size_t n, size_t k);
void gemm_pack(const struct kernels *kernels, const struct gemm_weights *weights, size_t n, size_t k,
               void *out);

void gemm_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                 enum gemm_epilogue epilogue, const struct gemm_params *params);
/* How much memory attention_record needs to work in; 0 on most rungs. */
size_t attention_scratch_bytes(const struct kernels *kernels, size_t batch, size_t heads, size_t tokens);
void attention_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      const struct attention_params *params);
void patchify_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                     const struct patchify_params *params);
void tokens_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                   const struct tokens_params *params);
void layernorm_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      const struct layernorm_params *params);
void features_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                     const struct features_params *params);
void softmax_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                    const struct softmax_params *params);
void pool_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                 const struct pool_params *params);
void average_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                    const struct average_params *params);
void logits_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                   const struct logits_params *params);

#endif
