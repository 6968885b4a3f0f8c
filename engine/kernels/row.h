/* Inside kernels/: all that makes one rung differ from another, a row of the table in rung.c. */
#ifndef CXRD_ENGINE_KERNELS_ROW_H
#define CXRD_ENGINE_KERNELS_ROW_H

#include "engine/kernels/rung.h"
#include "engine/kernels/tile.h"

/* How packed weights lie (gemm_pack.c): column c of a row at base(k, row) + c / 16 * block + c % 16 * step.
 */
struct weight_order {
    size_t block, step;
    size_t (*base)(size_t k, size_t row);
};
extern const struct weight_order weights_in_panels, weights_in_pairs, weights_in_fragments, weights_in_rows;

/* In which order the tiles of a product are worked on (gemm.c). */
enum gemm_grid {
    GRID_ROWS,  /* down the rows, then to the next column of tiles */
    GRID_BANDS, /* along a band of columns, then down the rows, then to the next band */
    GRID_BLOCKS /* down a block of rows, then to the next column of tiles, then to the next block */
};

struct rung_row {
    const char *name;
    /* NULL, or the first thing missing, beside what all rungs need. */
    const char *(*lacks)(const struct gpu_device_info *device);
    bool (*promising)(const struct gpu_device_info *device); /* worth trying where it is not missing */
    bool takes_f32, takes_f16; /* weights; activations are float16 where it does not take float32 */
    /* Where weights are float32 unless float16 are asked for; NULL: nowhere. */
    bool (*prefers_f32)(const struct gpu_device_info *device);
    bool strips; /* how activations lie; the one set of kernels that is built so */
    const struct weight_order *order;
    enum gemm_grid grid;
    void (*gemm_tiles)(const struct gpu_device_info *device, enum element weights, struct tiles *out);
    void (*attention_tiles)(const struct gpu_device_info *device, struct tiles *out);
    uint32_t scratch_bytes;           /* that attention takes for each of its workgroups */
    uint32_t pool_rows, pool_columns; /* that a workgroup of pool makes */
};
const struct rung_row *rung_row(enum rung rung);

/* The tables of tiles: of gemm.comp and attention.comp, in float32 and float16, and of the cpu rung. */
void gemm_tiles_portable(const struct gpu_device_info *device, enum element weights, struct tiles *out);
void gemm_tiles_half(const struct gpu_device_info *device, enum element weights, struct tiles *out);
void gemm_tiles_cpu(const struct gpu_device_info *device, enum element weights, struct tiles *out);
void attention_tiles_portable(const struct gpu_device_info *device, struct tiles *out);
void attention_tiles_half(const struct gpu_device_info *device, struct tiles *out);
void attention_tiles_cpu(const struct gpu_device_info *device, struct tiles *out);

#endif
