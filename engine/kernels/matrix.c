/* Shapes and tiles of the kernels on cooperative matrices.
 *
 * They follow from what is known of tensor cores, and from what an H200 measured (docs/gpu/). A subgroup that
 * makes R x C of a GEMM reads R + C values from shared memory for R C multiply-adds and keeps R C / lanes
 * sums in registers. 64 x 64 takes 128 of the 255 registers of each of 32 lanes, and its 256 bytes for 4096
 * multiply-adds take a multiprocessor as long as the multiply-adds do. */
#include "engine/kernels/matrix.h"

#include <assert.h>

enum { CPU_LANES = 8 };

/* As gemm_matrix.comp has them. TILE_K / K and what a thread loads divide evenly. */
static const struct gemm_matrix_tile {
    uint32_t lanes_max; /* for subgroups of at most so many lanes */
    uint32_t also_of;   /* where the device has them of so many lanes too; 0: whatever it has */
    uint32_t rows, columns, step, warp_rows, warp_columns;
} gemm_tiles[][TILE_SIZES] = {
    /* CPU drivers: as small as exercises everything. */
    {{CPU_LANES, 0, 32, 32, 32, 16, 16}, {CPU_LANES, 0, 16, 32, 32, 16, 16}},
    /* Intel: 16 lanes with 128 registers each, of which 32 x 32 takes 64. */
    {{16, 0, 128, 64, 32, 32, 32}, {16, 0, 64, 64, 64, 32, 16}},
    /* AMD's RDNA, of 32 lanes or 64, where both halves of a subgroup hold the operands' fragments: besides
     * them 64 x 64 does not fit in the 256 registers of 32 lanes. */
    {{32, 64, 128, 128, 32, 64, 32}, {32, 64, 64, 64, 64, 32, 32}},
    /* NVIDIA: 20 KiB of shared memory, 128 threads, by registers two workgroups a multiprocessor. */
    {{64, 0, 128, 128, 32, 64, 64}, {64, 0, 64, 64, 64, 32, 32}},
};

/* As gemm_matrix2.comp has them, columns at least 32: a driver cuts a workgroup's matrices up by itself. */
static const struct gemm_matrix2_tile {
    uint32_t invocations; /* 0: a subgroup */
    uint32_t rows, columns, step;
} gemm_workgroup2[TILE_SIZES] = {{256, 128, 256, 64}, {128, 64, 64, 64}},
  /* Where matrices of any size are only a subgroup's, as on CPU drivers. */
    gemm_subgroup2[TILE_SIZES] = {{0, 16, 32, 16}, {0, 8, 32, 16}};
/* As attention_matrix2.comp has them: queries x keys x head. */
static const struct gemm_matrix2_tile attention_workgroup2 = {128, 64, 64, HEAD_SIZE},
                                      attention_subgroup2 = {0, 8, 8, HEAD_SIZE};

/* As attention_matrix.comp has them, the one expected to be fastest first: as many subgroups as the queries
 * take. */
static const struct attention_matrix_tile {
    bool cpu_driver;  /* for CPU drivers, which unroll it all: minutes to compile 64 x 64; else for GPUs */
    bool conversions; /* with the reductions and conversions of VK_NV_cooperative_matrix2 */
    uint32_t queries, keys, row_fragments;
} attention_tiles[] = {
    {true, true, 16, 16, 1},    {true, false, 16, 16, 1}, {false, true, 64, 32, 1},
    {false, true, 128, 32, 2},  {false, true, 64, 64, 1}, {false, false, 64, 64, 1},
    {false, false, 128, 64, 1},
};

static const char *attention_shader(const struct attention_matrix_tile *tile)
{
    return tile->conversions ? "attention_matrix.f16_conversions" : "attention_matrix.f16";
}

enum { VECTOR_BYTES = 16, ATTENTION_TILES = sizeof attention_tiles / sizeof *attention_tiles };

static uint32_t at_least(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Matrices work with every size of subgroup that a device offers: the smallest leaves the fewest lanes idle
 * where rows are handled one by one. */
static uint32_t lanes_of(const struct gpu_device_info *device)
{
    return device->subgroup_size_control ? device->subgroup_size_min : device->subgroup_size;
}

/* Fragments that every tile can be cut into; 16 x 16 x 16 is nobody's exception. NULL: there are none. */
static const struct gpu_matrix_shape *shape_of(const struct gpu_device_info *device)
{
    const struct gpu_matrix_shape *found = NULL;
    for (uint32_t i = 0; i < device->matrix_shape_count; i++) {
        const struct gpu_matrix_shape *shape = &device->matrix_shapes[i];
        bool fits = (shape->m == 8 || shape->m == 16) && (shape->n == 8 || shape->n == 16) &&
                    (shape->k == 8 || shape->k == 16) && shape->m <= lanes_of(device);
        if (fits && (!found || shape->m + shape->n + shape->k > found->m + found->n + found->k))
            found = shape;
    }
    return found;
}

static const struct gemm_matrix_tile *gemm_tile(const struct gpu_device_info *device, enum tile_size size)
{
    for (size_t i = 0; i < sizeof gemm_tiles / sizeof *gemm_tiles; i++)
        if (lanes_of(device) <= gemm_tiles[i][size].lanes_max &&
            (!gemm_tiles[i][size].also_of || gemm_tiles[i][size].also_of == device->subgroup_size_max))
            return &gemm_tiles[i][size];
    return NULL;
}

static uint32_t gemm_subgroups(const struct gemm_matrix_tile *tile)
{
    return tile->rows / tile->warp_rows * (tile->columns / tile->warp_columns);
}

/* As gemm_matrix.comp adds it up. */
static uint32_t gemm_shared_bytes(const struct gemm_matrix_tile *tile, const struct gpu_matrix_shape *shape)
{
    uint32_t tiles = (tile->rows + tile->columns) * (tile->step / 8 + 1);
    uint32_t stages = gemm_subgroups(tile) * shape->m * (tile->warp_columns / 4 + 1);
    return at_least(tiles, stages) * VECTOR_BYTES;
}

/* As attention_matrix.comp adds it up. */
static uint32_t attention_shared_bytes(const struct attention_matrix_tile *tile,
                                       const struct gpu_matrix_shape *shape)
{
    const uint32_t row = HEAD_SIZE / 8 + 1, column = tile->keys / 8 + 1, scores = shape->n / 4 + 1;
    const uint32_t subgroups = tile->queries / (tile->row_fragments * shape->m);
    const uint32_t tiles = at_least(tile->keys * row + HEAD_SIZE * column, tile->queries * row);
    const uint32_t rest = tile->conversions ? subgroups * shape->m * scores
                                            : tile->queries * at_least(column, scores) + tile->queries / 4;
    return (tiles + rest) * VECTOR_BYTES;
}

static bool attention_fits(const struct gpu_device_info *device, const struct attention_matrix_tile *tile,
                           const struct gpu_matrix_shape *shape)
{
    const uint32_t lanes = lanes_of(device), rows = tile->row_fragments * shape->m;
    const uint32_t threads = tile->queries / rows * lanes;
    return gpu_shader_find(attention_shader(tile)) && tile->cpu_driver == (lanes <= CPU_LANES) &&
           (!tile->conversions || (device->cooperative_matrix2 && shape->n == shape->k)) &&
           tile->queries % rows == 0 && tile->keys * HEAD_SIZE / 8 % threads == 0 &&
           threads <= device->workgroup_invocations_max &&
           attention_shared_bytes(tile, shape) <= device->shared_memory_bytes;
}

/* The tile that is number `index` of those that fit; NULL: there are not so many. */
static const struct attention_matrix_tile *attention_tile(const struct gpu_device_info *device,
                                                          uint32_t index)
{
    const struct gpu_matrix_shape *shape = shape_of(device);
    for (size_t i = 0; i < ATTENTION_TILES; i++)
        if (attention_fits(device, &attention_tiles[i], shape) && index-- == 0)
            return &attention_tiles[i];
    return NULL;
}

uint32_t matrix_attentions(const struct gpu_device_info *device)
{
    uint32_t count = 0;
    while (attention_tile(device, count))
        count++;
    return count;
}

const char *matrix_lacks(const struct gpu_device_info *device)
{
    if (!device->cooperative_matrix)
        return device->matrix_lack ? device->matrix_lack : "it has no cooperative matrices";
    if (!gpu_shader_find("gemm_matrix.f16"))
        return "this build's shader compiler was too old for its kernels";
    if (!device->half_storage || !device->half_arithmetic)
        return "it has no 16-bit storage and arithmetic";
    if (!device->subgroup_size_control && device->subgroup_size_min != device->subgroup_size_max)
        return "it cannot pin the size of its subgroups";
    const struct gpu_matrix_shape *shape = shape_of(device);
    if (!shape)
        return "its matrices are of no shape that the kernels are made of";
    for (enum tile_size size = 0; size < TILE_SIZES; size++) {
        const struct gemm_matrix_tile *tile = gemm_tile(device, size);
        if (!tile)
            return "its subgroups are larger than 64";
        if (gemm_subgroups(tile) * lanes_of(device) > device->workgroup_invocations_max)
            return "its workgroups are too small for the tiles";
        if (gemm_shared_bytes(tile, shape) > device->shared_memory_bytes)
            return "its shared memory is too small for the tiles";
    }
    if (!device->matrix_attention_lack && !attention_tile(device, 0))
        return "its workgroups or its shared memory are too small for attention";
    return NULL;
}

static const struct gemm_matrix2_tile *gemm_tile2(const struct gpu_device_info *device, enum tile_size size)
{
    return device->matrix2_workgroup ? &gemm_workgroup2[size] : &gemm_subgroup2[size];
}

static const struct gemm_matrix2_tile *attention_tile2(const struct gpu_device_info *device)
{
    return device->matrix2_workgroup ? &attention_workgroup2 : &attention_subgroup2;
}

/* Whether matrices of these sizes are made of the device's steps. */
static bool steps_fit(const struct gpu_device_info *device, const struct gemm_matrix2_tile *tile)
{
    if (at_least(tile->rows, at_least(tile->columns, tile->step)) > device->matrix2_side_max ||
        tile->invocations > device->matrix2_invocations_max)
        return false;
    for (uint32_t i = 0; i < device->matrix2_step_count; i++) {
        const struct gpu_matrix_shape *step = &device->matrix2_steps[i];
        if (step->invocations == tile->invocations && tile->rows % step->m == 0 &&
            tile->columns % step->n == 0 && tile->step % step->k == 0)
            return true;
    }
    return false;
}

const char *matrix2_lacks(const struct gpu_device_info *device)
{
    if (!device->cooperative_matrix2)
        return device->matrix2_lack ? device->matrix2_lack : "it has no cooperative matrices of any size";
    if (!gpu_shader_find(device->matrix2_workgroup ? "gemm_matrix2.f16" : "gemm_matrix2.f16_subgroup"))
        return "this build's shader compiler was too old for its kernels";
    if (!device->half_storage || !device->half_arithmetic)
        return "it has no 16-bit storage and arithmetic";
    if (!device->subgroup_size_control && device->subgroup_size_min != device->subgroup_size_max)
        return "it cannot pin the size of its subgroups";
    /* Attention has two products, of which the second is queries x head x keys. */
    const struct gemm_matrix2_tile *scores = attention_tile2(device);
    const struct gemm_matrix2_tile values = {scores->invocations, scores->rows, scores->step,
                                             scores->columns};
    if (!steps_fit(device, gemm_tile2(device, TILE_LARGE)) ||
        !steps_fit(device, gemm_tile2(device, TILE_SMALL)) || !steps_fit(device, scores) ||
        !steps_fit(device, &values))
        return "its matrices are of no sizes that the kernels are made of";
    return NULL;
}

struct variant matrix_gemm(const struct kernels *kernels, enum tile_size size)
{
    const struct gpu_device_info *device = gpu_device_info(kernels->device);
    if (kernels->rung == RUNG_MATRIX2) {
        const struct gemm_matrix2_tile *tile = gemm_tile2(device, size);
        uint32_t threads = tile->invocations ? tile->invocations : lanes_of(device);
        return (struct variant){.shader = device->matrix2_workgroup ? "gemm_matrix2.f16"
                                                                    : "gemm_matrix2.f16_subgroup",
                                .rows = tile->rows,
                                .columns = tile->columns,
                                .constants = {0, tile->rows, tile->columns, tile->step, threads},
                                .constant_count = 5,
                                .subgroup_size = lanes_of(device)};
    }
    const struct gemm_matrix_tile *tile = gemm_tile(device, size);
    const struct gpu_matrix_shape *shape = shape_of(device);
    uint32_t lanes = lanes_of(device);
    uint32_t threads = gemm_subgroups(tile) * lanes;
    assert(tile->step % shape->k == 0 && K_STEP % tile->step == 0);
    assert(tile->warp_rows % shape->m == 0 && tile->warp_columns % shape->n == 0);
    assert(tile->rows * tile->step / 8 % threads == 0 && tile->columns * tile->step / 8 % threads == 0);
    return (struct variant){.shader = "gemm_matrix.f16",
                            .rows = tile->rows,
                            .columns = tile->columns,
                            .constants = {0, lanes, shape->m, shape->n, shape->k, tile->rows, tile->columns,
                                          tile->step, tile->warp_rows, tile->warp_columns, threads},
                            .constant_count = 11,
                            .subgroup_size = lanes};
}

struct variant matrix_attention(const struct kernels *kernels, uint32_t index)
{
    const struct gpu_device_info *device = gpu_device_info(kernels->device);
    uint32_t lanes = lanes_of(device);
    if (kernels->rung == RUNG_MATRIX2) {
        const struct gemm_matrix2_tile *tile = attention_tile2(device);
        return (struct variant){
            .shader = device->matrix2_workgroup ? "attention_matrix2.f16" : "attention_matrix2.f16_subgroup",
            .rows = tile->rows,
            .columns = tile->columns,
            .constants = {tile->rows, tile->columns, tile->invocations ? tile->invocations : lanes},
            .constant_count = 3,
            .subgroup_size = lanes};
    }
    const struct gpu_matrix_shape *shape = shape_of(device);
    const struct attention_matrix_tile *tile = attention_tile(device, index);
    const uint32_t subgroups = tile->queries / (tile->row_fragments * shape->m);
    return (struct variant){.shader = attention_shader(tile),
                            .rows = tile->queries,
                            .columns = tile->keys,
                            .constants = {lanes, shape->m, shape->n, shape->k, subgroups, tile->row_fragments,
                                          tile->keys, subgroups * lanes},
                            .constant_count = 8,
                            .subgroup_size = lanes};
}
