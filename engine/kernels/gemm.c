/* GEMM: which shader with which tile, how weights are packed for it, and its dispatch. */
#include <assert.h>

#include "engine/base/half.h"
#include "engine/kernels/set.h"

enum {
    CPU_TILE_ROWS = 24, /* fixed in gemm_cpu.comp: 4 subgroups of 6 rows */
    CPU_BLOCK_BYTES =
        9 << 19 /* of A, which passes under every panel of B: what stays in a last cache of 8 MiB */
};

struct tile {
    uint32_t rows, columns; /* that a workgroup makes */
};

static struct tile gemm_tile(const struct kernels *kernels)
{
    if (kernels->rung == RUNG_CPU)
        return (struct tile){CPU_TILE_ROWS, PANEL};
    /* A CPU driver keeps no tile in registers anyway, and small ones waste less on few rows. */
    if (gpu_device_info(kernels->device)->kind == GPU_CPU)
        return (struct tile){32, 64};
    return (struct tile){128, 64};
}

static const char *gemm_shader_name(const struct kernels *kernels)
{
    switch (kernels->rung) {
    case RUNG_CPU:
        return "gemm_cpu.f32";
    case RUNG_HALF:
        return "gemm.f16";
    default:
        return kernels->weights == ELEMENT_F16 ? "gemm.f32_w16" : "gemm.f32";
    }
}

enum status gemm_create(struct kernels *kernels, struct failure *failure)
{
    const char *name = gemm_shader_name(kernels);
    const struct gpu_shader *shader = gpu_shader_find(name);
    if (!shader)
        return failure_set(failure, STATUS_DEVICE,
                           "This build has no shader %s: build it with a newer glslc.", name);
    /* C pads a struct of addresses to 8 bytes, the shader does not. */
    assert(round_up(gpu_shader_push_bytes(shader), sizeof(uint64_t)) == sizeof(struct gemm_params));
    const struct tile tile = gemm_tile(kernels);
    for (uint32_t epilogue = 0; epilogue < GEMM_EPILOGUE_COUNT; epilogue++) {
        /* As shaders/ops/gemm.comp numbers them; a thread makes 8 x 8. gemm_cpu.comp has only the first. */
        const uint32_t constants[] = {epilogue, tile.rows, tile.columns, tile.rows / 8 * (tile.columns / 8)};
        const struct gpu_pipeline_options options = {.constants = constants,
                                                     .constant_count = kernels->rung == RUNG_CPU ? 1 : 4,
                                                     .push_bytes = sizeof(struct gemm_params)};
        enum status status =
            gpu_pipeline_create(kernels->device, shader, &options, failure, &kernels->gemm[epilogue]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

size_t gemm_packed_size_bytes(const struct kernels *kernels, size_t n, size_t k)
{
    return n * k * element_size_bytes(kernels->weights);
}

/* Columns first..first + K_STEP of one row, `row` having `given` of them, to every 16th element of `out`. */
static void pack_floats(const float *row, size_t first, size_t given, float *out)
{
    for (size_t i = 0; i < K_STEP; i++)
        out[i * PANEL] = first + i < given ? row[first + i] : 0;
}

static void pack_halves(const float *row, size_t first, size_t given, uint16_t *out)
{
    for (size_t i = 0; i < K_STEP; i++)
        out[i * PANEL] = first + i < given ? half_from_float(row[first + i]) : 0;
}

void gemm_pack(const struct kernels *kernels, const float *b, size_t n_given, size_t k_given, size_t n,
               size_t k, void *out)
{
    assert(n % PANEL == 0 && k % K_STEP == 0 && n_given <= n && k_given <= k);
    /* Row by row within so few columns that what is written stays in the first cache. */
    for (size_t panel = 0; panel < n; panel += PANEL)
        for (size_t first = 0; first < k; first += K_STEP)
            for (size_t i = 0; i < PANEL; i++) {
                /* The cpu rung takes even rows of B before odd ones: lane l owns 2l and 2l + 1. */
                const size_t row = panel + (kernels->rung == RUNG_CPU ? i % 8 * 2 + i / 8 : i);
                const size_t given = row < n_given ? k_given : 0;
                const float *from = given ? b + row * k_given : b;
                const size_t to = panel * k + first * PANEL + i;
                if (kernels->weights == ELEMENT_F16)
                    pack_halves(from, first, given, (uint16_t *)out + to);
                else
                    pack_floats(from, first, given, (float *)out + to);
            }
}

void gemm_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                 enum gemm_epilogue epilogue, const struct gemm_params *params)
{
    assert(params->m > 0 && params->n > 0 && params->n % PANEL == 0);
    assert(params->k > 0 && params->k % K_STEP == 0);
    assert(epilogue == GEMM_HEADS || (params->group > 0 && params->out_rows > 0));
    assert(epilogue != GEMM_ADD || params->addend_rows > 0);
    assert(epilogue != GEMM_SWIGLU || params->n % (2 * PANEL) == 0);
    assert(epilogue != GEMM_HEADS ||
           (params->n == 3 * params->heads * HEAD_SIZE && params->m == params->batch * params->tokens &&
            params->tokens <= params->tokens_padded));
    const struct tile tile = gemm_tile(kernels);
    const uint32_t down = divide_up(params->m, tile.rows), across = divide_up(params->n, tile.columns);
    /* Workgroups that pass under every panel of B together, and how often: gemm_cpu.comp says why. Blocks are
     * of one size since the driver's threads share the grid evenly. */
    const size_t bytes = params->k * sizeof(float) * params->m;
    const uint32_t wanted = kernels->rung == RUNG_CPU ? (uint32_t)(bytes / CPU_BLOCK_BYTES) + 1 : 1;
    const uint32_t block = divide_up(down, wanted), blocks = divide_up(down, block);
    gpu_record_dispatch(recorder, kernels->gemm[epilogue], label, params, block, across, blocks);
}
