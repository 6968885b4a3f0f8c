/* Attention: the tiles of the shader on registers and of the one whose lanes are query rows, and its
 * dispatch. */
#include <assert.h>
#include <stdio.h>

#include "engine/kernels/set.h"

enum { KEY_THREADS = 8, ROWS_A_THREAD = 4, VECTOR_BYTES = 16, KEYS = 32, QUADS = HEAD_SIZE / 4 };

/* Query rows of a workgroup, as attention.comp has them. */
static const uint32_t queries_of_tiles[] = {64, 32, 128, 16};

/* As attention.comp adds it up. */
static uint32_t shared_bytes(uint32_t queries)
{
    return (queries * (QUADS + KEY_THREADS) + KEYS * QUADS) * VECTOR_BYTES;
}

static void tiles_of(const struct gpu_device_info *device, const char *shader, struct tiles *out)
{
    for (size_t i = 0; i < sizeof queries_of_tiles / sizeof *queries_of_tiles; i++) {
        const uint32_t queries = queries_of_tiles[i], threads = queries / ROWS_A_THREAD * KEY_THREADS;
        if (threads > device->workgroup_invocations_max ||
            shared_bytes(queries) > device->shared_memory_bytes)
            continue;
        struct variant tile = {
            .shader = shader, .rows = queries, .constants = {queries, threads}, .constant_count = 2};
        snprintf(tile.name, sizeof tile.name, "%ux%d", queries, KEYS);
        tiles_add(out, &tile);
    }
}

void attention_tiles_portable(const struct gpu_device_info *device, struct tiles *out)
{
    tiles_of(device, "attention.f32", out);
}

void attention_tiles_half(const struct gpu_device_info *device, struct tiles *out)
{
    tiles_of(device, "attention.f16", out);
}

void attention_tiles_cpu(const struct gpu_device_info *device, struct tiles *out)
{
    (void)device;
    tiles_add(out, &(struct variant){
                       .name = "16x64", .shader = "attention_cpu.f32", .rows = ATTENTION_CPU_QUERIES});
}

size_t attention_scratch_bytes(const struct kernels *kernels, size_t batch, size_t heads, size_t tokens)
{
    if (!kernels->row->scratch_bytes)
        return 0;
    const uint32_t rows = kernels->attention_tiles.list[0].rows;
    return batch * heads * divide_up((uint32_t)tokens, rows) * kernels->row->scratch_bytes;
}

void attention_record_tile(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                           uint32_t tile, const struct attention_params *params)
{
    gpu_record_dispatch(recorder, kernels->tiled[TILED_ATTENTION][tile], label, params,
                        divide_up(params->tokens, kernels->attention_tiles.list[tile].rows),
                        params->batch * params->heads, 1);
}

void attention_record(const struct kernels *kernels, struct gpu_recorder *recorder, const char *label,
                      const struct attention_params *params)
{
    assert(params->tokens > 0 && params->tokens <= params->tokens_padded);
    assert(params->tokens_padded % PANEL == 0);
    assert(!kernels->row->scratch_bytes || params->scratch);
    const struct tiled_shape shape = {TILED_ATTENTION, params->batch, params->heads, params->tokens};
    attention_record_tile(kernels, recorder, label, kernels_tile_for(kernels, &shape), params);
}
