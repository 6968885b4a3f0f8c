/* Inside kernels/: what a set of kernels is made of. */
#ifndef CXRD_ENGINE_KERNELS_SET_H
#define CXRD_ENGINE_KERNELS_SET_H

#include "engine/kernels/kernels.h"

/* How a kernel is built: its shader with these constants. */
struct variant {
    const char *shader;     /* its name in the catalogue */
    uint32_t rows, columns; /* that a workgroup makes; attention's queries, and keys a step */
    uint32_t constants[12], constant_count;
    uint32_t subgroup_size; /* as in struct gpu_pipeline_options */
};

/* A rung may have two tiles for the GEMM: a large one, and one for products of few rows and columns. */
enum tile_size { TILE_LARGE, TILE_SMALL, TILE_SIZES };

/* Columns of tiles that are worked on together, row by row: some hundred workgroups that run at a time then
 * share about as many rows of A as columns of B, and a band of weights stays in the L2 cache. */
enum { GEMM_BAND = 8 };

enum { VARIANTS_MAX = 2 * GEMM_EPILOGUE_COUNT + 16 };

/* The pipelines that a set is to have, collected so that they can be compiled side by side. */
struct pipeline_list {
    struct gpu_pipeline_request requests[VARIANTS_MAX];
    struct variant variants[VARIANTS_MAX]; /* whose constants the requests point at */
    size_t count;
};

struct kernels {
    struct gpu_device *device;
    enum rung rung;
    enum element activations, weights;
    uint32_t attention_index; /* below attention_count */
    struct variant gemm_variants[TILE_SIZES], attention_variant;
    struct gpu_pipeline *gemm[TILE_SIZES][GEMM_EPILOGUE_COUNT];
    struct gpu_pipeline *attention, *patchify, *tokens, *layernorm, *features, *softmax, *pool, *average,
        *logits;
};

/* kernels_create with another of the attention kernels than the first, which is expected to be the fastest.
 */
WARN_UNUSED enum status kernels_create_with(struct gpu_device *device, enum rung rung, enum element weights,
                                            uint32_t attention_index, struct failure *failure,
                                            struct kernels **out);
/* How many attention kernels of the rung the device can run. */
uint32_t attention_count(const struct gpu_device_info *device, enum rung rung);

/* GEMM and attention choose shader and specialisation constants themselves; the table in kernels.c adds the
 * other operations. kernels_destroy destroys all pipelines, made or not. */
WARN_UNUSED enum status gemm_add(struct kernels *kernels, struct pipeline_list *list,
                                 struct failure *failure);
WARN_UNUSED enum status attention_add(struct kernels *kernels, struct pipeline_list *list,
                                      struct failure *failure);

/* Adds the pipeline of a variant, which will be put into *out. */
WARN_UNUSED enum status variant_add(struct pipeline_list *list, const struct variant *variant,
                                    uint32_t push_bytes, struct failure *failure, struct gpu_pipeline **out);
/* The pipeline `cpu_shader` on the cpu rung, else "<stem>.f32" or "<stem>.f16" by the set's activations,
 * without specialisation constants. */
WARN_UNUSED enum status kernel_add(const struct kernels *kernels, struct pipeline_list *list,
                                   const char *stem, const char *cpu_shader, uint32_t push_bytes,
                                   struct failure *failure, struct gpu_pipeline **out);

const char *gemm_epilogue_name(enum gemm_epilogue epilogue); /* "exact", ... */

/* Shows every pipeline of the set; `name` says of an operation with several which it is. */
void kernels_each(const struct kernels *kernels,
                  void (*show)(void *context, const char *name, const struct gpu_pipeline *pipeline),
                  void *context);

/* gemm_record with a tile of that size, which the rung has. */
void gemm_record_tile(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      enum gemm_epilogue epilogue, enum tile_size size, const struct gemm_params *params);

/* Which token element `i` of Q, K and V of `slabs` heads of all images belongs to. */
static inline size_t attention_token(const struct kernels *kernels, size_t i, size_t slabs,
                                     size_t tokens_padded)
{
    const bool across = kernels_values_across(kernels) && i >= 2 * slabs * tokens_padded * HEAD_SIZE;
    return i / (across ? 1 : HEAD_SIZE) % tokens_padded;
}

/* Rows that a workgroup of layernorm and features takes (shaders/include/rownorm.glsl). */
enum { NORM_ROWS = 4 };

static inline uint32_t divide_up(uint32_t value, uint32_t step)
{
    return (value + step - 1) / step;
}

#endif
