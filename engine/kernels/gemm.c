/* GEMM: which shader with which tile, and its dispatch. */
#include <assert.h>

#include "engine/kernels/matrix.h"

enum {
    /* Products of fewer large tiles than this leave multiprocessors of a large GPU (132 on an H100) idle:
     * they get the small tile. */
    LARGE_TILES_MIN = 128,
    CPU_TILE_ROWS = 4 * STRIP, /* fixed in gemm_cpu.comp: 4 subgroups of a strip */
    /* Of A, which passes under every panel of B on the cpu rung: what stays in a last cache of 8 MiB. */
    CPU_BLOCK_BYTES = 9 << 19
};

const char *gemm_epilogue_name(enum gemm_epilogue epilogue)
{
    static const char *const names[GEMM_EPILOGUE_COUNT] = {
        [GEMM_EXACT] = "exact", [GEMM_ADD] = "add",       [GEMM_RELU] = "relu",
        [GEMM_GELU] = "gelu",   [GEMM_SWIGLU] = "swiglu", [GEMM_HEADS] = "heads"};
    return names[epilogue];
}

static bool on_matrices(const struct kernels *kernels)
{
    return kernels->rung == RUNG_MATRIX || kernels->rung == RUNG_MATRIX2;
}

static struct variant gemm_variant(const struct kernels *kernels, enum tile_size size)
{
    if (on_matrices(kernels))
        return matrix_gemm(kernels, size);
    if (kernels->rung == RUNG_CPU)
        return (struct variant){
            .shader = "gemm_cpu.f32", .rows = CPU_TILE_ROWS, .columns = PANEL, .constant_count = 1};
    /* A CPU driver keeps no tile in registers anyway, and small ones waste less on few rows. */
    const bool small = gpu_device_info(kernels->device)->kind == GPU_CPU;
    const uint32_t rows = small ? 32 : 128, columns = 64;
    /* As shaders/ops/gemm.comp numbers them; a thread makes 8 x 8. */
    return (struct variant){.shader = kernels->rung == RUNG_HALF        ? "gemm.f16"
                                      : kernels->weights == ELEMENT_F16 ? "gemm.f32_w16"
                                                                        : "gemm.f32",
                            .rows = rows,
                            .columns = columns,
                            .constants = {0, rows, columns, rows / 8 * (columns / 8)},
                            .constant_count = 4};
}

enum status gemm_add(struct kernels *kernels, struct pipeline_list *list, struct failure *failure)
{
    for (enum tile_size size = 0; size < (on_matrices(kernels) ? TILE_SIZES : 1); size++) {
        struct variant *variant = &kernels->gemm_variants[size];
        *variant = gemm_variant(kernels, size);
        for (uint32_t epilogue = 0; epilogue < GEMM_EPILOGUE_COUNT; epilogue++) {
            variant->constants[0] = epilogue;
            enum status status = variant_add(list, variant, sizeof(struct gemm_params), failure,
                                             &kernels->gemm[size][epilogue]);
            if (status != STATUS_OK)
                return status;
        }
    }
    return STATUS_OK;
}

/* Tiles down the rows that pass under every panel of B together on the cpu rung; gemm_cpu.comp says why.
 * Blocks are of one size, since the driver's threads share the grid evenly. */
static uint32_t cpu_block(const struct gemm_params *params, uint32_t tiles)
{
    const uint64_t bytes = (uint64_t)params->k * sizeof(float) * params->m;
    return divide_up(tiles, (uint32_t)(bytes / CPU_BLOCK_BYTES) + 1);
}

void gemm_record_tile(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      enum gemm_epilogue epilogue, enum tile_size size, const struct gemm_params *params)
{
    const struct variant *variant = &kernels->gemm_variants[size];
    const struct gpu_pipeline *pipeline = kernels->gemm[size][epilogue];
    const uint32_t rows = divide_up(params->m, variant->rows),
                   columns = divide_up(params->n, variant->columns);
    const uint32_t band = columns < GEMM_BAND ? columns : GEMM_BAND, block = cpu_block(params, rows);
    if (on_matrices(kernels)) /* along a band of columns, then down the rows, then to the next band */
        gpu_record_dispatch(recorder, pipeline, label, params, band, rows, divide_up(columns, band));
    else if (kernels->rung == RUNG_CPU)
        gpu_record_dispatch(recorder, pipeline, label, params, block, columns, divide_up(rows, block));
    else
        gpu_record_dispatch(recorder, pipeline, label, params, rows, columns, 1);
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
    const struct variant *large = &kernels->gemm_variants[TILE_LARGE];
    const uint32_t large_tiles = divide_up(params->m, large->rows) * divide_up(params->n, large->columns);
    const bool small = on_matrices(kernels) && large_tiles < LARGE_TILES_MIN;
    gemm_record_tile(kernels, recorder, label, epilogue, small ? TILE_SMALL : TILE_LARGE, params);
}
