/* GEMM: its tiles on registers, and its dispatch. */
#include <assert.h>
#include <stdio.h>

#include "engine/kernels/set.h"

enum {
    /* Columns of tiles that are worked on together, row by row: some hundred workgroups that run at a time
     * then share about as many rows of A as columns of B, and a band of weights stays in the L2 cache. */
    BAND = 8,
    CPU_TILE_ROWS = 4 * STRIP, /* fixed in gemm_cpu.comp: 4 subgroups of a strip */
    /* Of A, which passes under every panel of B on the cpu rung: what stays in a last cache of 8 MiB. */
    CPU_BLOCK_BYTES = 9 << 19,
    THREAD_SIDE = 8, /* a thread makes 8 x 8, as shaders/ops/gemm.comp has it */
    VECTOR_BYTES = 16
};

/* As gemm.comp has them: sides from 32 to 256 that are powers of two. A CPU driver keeps no tile in registers
 * anyway, and small ones waste less on few rows: there the smallest comes first. */
static const struct {
    uint32_t rows, columns;
    bool cpu_first;
} tiles[] = {{128, 64, false}, {32, 64, true},   {64, 64, false}, {128, 128, false},
             {64, 128, false}, {256, 64, false}, {64, 32, false}, {32, 128, false}};

/* As gemm.comp adds it up. */
static uint32_t shared_bytes(uint32_t rows, uint32_t columns)
{
    return (rows * (PANEL / 4 + 1) + PANEL * (columns / 4 + 4)) * VECTOR_BYTES;
}

static void tiles_of(const struct gpu_device_info *device, const char *shader, struct tiles *out)
{
    const bool cpu = device->kind == GPU_CPU;
    for (int last = 0; last < 2; last++)
        for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
            const uint32_t rows = tiles[i].rows, columns = tiles[i].columns,
                           threads = rows / THREAD_SIDE * (columns / THREAD_SIDE);
            const bool early = !cpu || tiles[i].cpu_first;
            if (early == (last == 1) || threads > device->workgroup_invocations_max ||
                shared_bytes(rows, columns) > device->shared_memory_bytes)
                continue;
            struct variant tile = {.shader = shader,
                                   .rows = rows,
                                   .columns = columns,
                                   .constants = {0, rows, columns, threads},
                                   .constant_count = 4};
            snprintf(tile.name, sizeof tile.name, "%ux%u", rows, columns);
            tiles_add(out, &tile);
        }
}

void gemm_tiles_portable(const struct gpu_device_info *device, enum element weights, struct tiles *out)
{
    tiles_of(device, weights == ELEMENT_F16 ? "gemm.f32_w16" : "gemm.f32", out);
}

void gemm_tiles_half(const struct gpu_device_info *device, enum element weights, struct tiles *out)
{
    (void)weights;
    tiles_of(device, "gemm.f16", out);
}

void gemm_tiles_cpu(const struct gpu_device_info *device, enum element weights, struct tiles *out)
{
    (void)device;
    (void)weights;
    tiles_add(out, &(struct variant){.name = "20x16",
                                     .shader = "gemm_cpu.f32",
                                     .rows = CPU_TILE_ROWS,
                                     .columns = PANEL,
                                     .constant_count = 1});
}

/* Tiles down the rows that pass under every panel of B together on the cpu rung; gemm_cpu.comp says why.
 * Blocks are of one size, since the driver's threads share the grid evenly. */
static uint32_t cpu_block(const struct gemm_params *params, uint32_t tiles_down)
{
    const uint64_t bytes = (uint64_t)params->k * sizeof(float) * params->m;
    return divide_up(tiles_down, (uint32_t)(bytes / CPU_BLOCK_BYTES) + 1);
}

void gemm_record_tile(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      enum gemm_epilogue epilogue, uint32_t tile, const struct gemm_params *params)
{
    const struct variant *variant = &kernels->gemm_tiles.list[tile];
    const struct gpu_pipeline *pipeline = kernels->tiled[epilogue][tile];
    const uint32_t rows = divide_up(params->m, variant->rows),
                   columns = divide_up(params->n, variant->columns);
    const uint32_t band = columns < BAND ? columns : BAND, block = cpu_block(params, rows);
    switch (kernels->row->grid) {
    case GRID_BANDS:
        gpu_record_dispatch(recorder, pipeline, label, params, band, rows, divide_up(columns, band));
        return;
    case GRID_BLOCKS:
        gpu_record_dispatch(recorder, pipeline, label, params, block, columns, divide_up(rows, block));
        return;
    case GRID_ROWS:
        gpu_record_dispatch(recorder, pipeline, label, params, rows, columns, 1);
    }
}

void gemm_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                 enum gemm_epilogue epilogue, const struct gemm_params *params)
{
    assert(params->m > 0 && params->n > 0 && params->n % PANEL == 0);
    assert(params->k > 0 && params->k % K_STEP == 0 && params->a_columns >= params->k);
    assert(epilogue == GEMM_HEADS || (params->group > 0 && params->out_rows > 0));
    assert(epilogue != GEMM_ADD || params->addend_rows > 0);
    assert(epilogue != GEMM_SWIGLU || params->n % (2 * PANEL) == 0);
    assert(epilogue != GEMM_HEADS ||
           (params->n == 3 * params->heads * HEAD_SIZE && params->m == params->batch * params->tokens &&
            params->tokens <= params->tokens_padded));
    const struct tiled_shape shape = {epilogue, params->m, params->n, params->k};
    gemm_record_tile(kernels, recorder, label, epilogue, kernels_tile_for(kernels, &shape), params);
}
