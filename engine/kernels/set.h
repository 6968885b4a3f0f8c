/* Inside kernels/: what a set of kernels is made of. */
#ifndef CXRD_ENGINE_KERNELS_SET_H
#define CXRD_ENGINE_KERNELS_SET_H

#include "engine/kernels/kernels.h"
#include "engine/kernels/row.h"
#include "engine/kernels/tuning.h"

enum { PIPELINES_MAX = TILED_KINDS * TILES_MAX + 16 };

/* The pipelines that a set is to have, collected so that they can be compiled side by side. */
struct pipeline_list {
    struct gpu_pipeline_request requests[PIPELINES_MAX];
    struct variant variants[PIPELINES_MAX]; /* whose constants the requests point at */
    size_t count;
};

struct kernels {
    struct gpu_device *device;
    enum rung rung;
    const struct rung_row *row;
    enum element activations, weights;
    struct tiles gemm_tiles, attention_tiles;
    uint32_t gemm_default, attention_default;           /* taken where no choice says anything */
    struct gpu_pipeline *tiled[TILED_KINDS][TILES_MAX]; /* NULL: not made */
    struct tile_choice choices[TUNING_SHAPES_MAX];
    size_t choice_count;
    struct gpu_pipeline *patchify, *tokens, *layernorm, *features, *softmax, *pool, *average, *logits;
};

/* kernels_create with other tiles than the first. */
WARN_UNUSED enum status kernels_create_with(struct gpu_device *device, enum rung rung, enum element weights,
                                            uint32_t gemm_tile, uint32_t attention_tile,
                                            struct failure *failure, struct kernels **out);
/* The tiles of a rung that the device can run, those of other families included. */
struct tiles gemm_tiles(const struct gpu_device_info *device, enum rung rung, enum element weights);
struct tiles attention_tiles(const struct gpu_device_info *device, enum rung rung);

/* Makes the pipelines of these kinds (a bit each) and tiles (likewise) that are not made yet. */
WARN_UNUSED enum status kernels_make_tiles(struct kernels *kernels, uint32_t kinds, uint32_t tiles,
                                           struct failure *failure);
void kernels_drop_tile(struct kernels *kernels, uint32_t kind, uint32_t tile);

/* Adds the pipeline of a variant, which will be put into *out. */
WARN_UNUSED enum status variant_add(struct pipeline_list *list, const struct variant *variant,
                                    uint32_t push_bytes, struct failure *failure, struct gpu_pipeline **out);

/* Shows every pipeline of the set; `name` says of an operation with several which it is. */
void kernels_each(const struct kernels *kernels,
                  void (*show)(void *context, const char *name, const struct gpu_pipeline *pipeline),
                  void *context);

/* gemm_record and attention_record with a tile of that number, which is made. */
void gemm_record_tile(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      enum gemm_epilogue epilogue, uint32_t tile, const struct gemm_params *params);
void attention_record_tile(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                           uint32_t tile, const struct attention_params *params);

/* Rows that a workgroup of layernorm and features takes (shaders/include/rownorm.glsl). */
enum { NORM_ROWS = 4 };

static inline uint32_t divide_up(uint32_t value, uint32_t step)
{
    return (value + step - 1) / step;
}

#endif
