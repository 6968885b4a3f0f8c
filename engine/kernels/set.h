/* Inside kernels/: what a set of kernels is made of. */
#ifndef CXRD_ENGINE_KERNELS_SET_H
#define CXRD_ENGINE_KERNELS_SET_H

#include "engine/kernels/kernels.h"

/* How a kernel is built: its shader with these constants. */
struct variant {
    const char *shader;     /* its name in the catalogue */
    uint32_t rows, columns; /* that a workgroup makes */
    uint32_t constants[12], constant_count;
    uint32_t subgroup_size; /* as in struct gpu_pipeline_options */
};

/* A rung may have two tiles for the GEMM: a large one, and one for products of few rows and columns. */
enum tile_size { TILE_LARGE, TILE_SMALL, TILE_SIZES };

struct kernels {
    struct gpu_device *device;
    enum rung rung;
    enum element activations, weights;
    struct variant gemm_variants[TILE_SIZES], attention_variant;
    struct gpu_pipeline *gemm[TILE_SIZES][GEMM_EPILOGUE_COUNT];
    struct gpu_pipeline *attention, *patchify, *tokens, *layernorm, *features, *softmax, *pool, *average,
        *logits;
};

/* GEMM and attention choose shader and specialisation constants themselves; the table in kernels.c makes the
 * pipelines of the other operations. kernels_destroy destroys them all, made or not. */
WARN_UNUSED enum status gemm_create(struct kernels *kernels, struct failure *failure);
WARN_UNUSED enum status attention_create(struct kernels *kernels, struct failure *failure);

/* The pipeline of a variant. */
WARN_UNUSED enum status variant_create(struct kernels *kernels, const struct variant *variant,
                                       uint32_t push_bytes, struct failure *failure,
                                       struct gpu_pipeline **out);
/* The pipeline "<stem>.f32" or "<stem>.f16" by the set's activations, without specialisation
 * constants. */
WARN_UNUSED enum status kernel_create(struct kernels *kernels, const char *stem, uint32_t push_bytes,
                                      struct failure *failure, struct gpu_pipeline **out);

/* gemm_record with a tile of that size, which the rung has. */
void gemm_record_tile(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      enum gemm_epilogue epilogue, enum tile_size size, const struct gemm_params *params);

/* Rows that a workgroup of layernorm and features takes (shaders/include/rownorm.glsl). */
enum { NORM_ROWS = 4 };

static inline uint32_t divide_up(uint32_t value, uint32_t step)
{
    return (value + step - 1) / step;
}

#endif
