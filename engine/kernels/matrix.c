/* Shapes and tiles of the kernels on cooperative matrices.
 *
 * They follow from what is known of tensor cores, and from what an H200 measured (docs/gpu/). A subgroup that
 * makes R x C of a GEMM reads R + C values from shared memory for R C multiply-adds and keeps R C / lanes
 * sums in registers. 64 x 64 takes 128 of the 255 registers of each of 32 lanes, and its 256 bytes for 4096
 * multiply-adds take a multiprocessor as long as the multiply-adds do. */
#include "engine/kernels/matrix.h"

#include <stdio.h>

#include "engine/gpu/pipeline.h"
#include "engine/kernels/row.h"

enum { CPU_LANES = 8, VECTOR_BYTES = 16 };

/* As gemm_matrix.comp has them, for subgroups of so many lanes. The first that fits is taken where nothing
 * was measured. */
static const struct gemm_matrix_tile {
    uint32_t lanes_min, lanes_max;
    uint32_t rows, columns, step, warp_rows, warp_columns;
} gemm_tiles_of[] = {
    /* CPU drivers: as small as exercises everything. */
    {1, CPU_LANES, 32, 32, 32, 16, 16},
    {1, CPU_LANES, 16, 32, 32, 16, 16},
    {1, CPU_LANES, 32, 32, 16, 16, 16},
    {1, CPU_LANES, 16, 16, 32, 16, 16},
    {1, CPU_LANES, 32, 16, 32, 16, 16},
    {1, CPU_LANES, 64, 32, 32, 16, 16},
    /* Intel: 16 lanes with 128 registers each, of which 32 x 32 takes 64. */
    {9, 16, 128, 64, 32, 32, 32},
    {9, 16, 64, 64, 64, 32, 16},
    {9, 16, 64, 64, 32, 32, 32},
    {9, 16, 128, 128, 32, 32, 32},
    {9, 16, 128, 64, 32, 32, 16},
    {9, 16, 64, 128, 32, 32, 32},
    {9, 16, 64, 32, 32, 32, 16},
    {9, 16, 32, 64, 64, 16, 16},
    /* NVIDIA and AMD: the first with 20 KiB of shared memory, 128 threads, by registers two workgroups a
     * multiprocessor; halves of it where 64 x 64 spill, small ones for few rows. */
    {17, 64, 128, 128, 32, 64, 64},
    {17, 64, 64, 64, 64, 32, 32},
    {17, 64, 128, 128, 32, 64, 32},
    {17, 64, 128, 64, 32, 64, 32},
    {17, 64, 64, 128, 32, 32, 64},
    {17, 64, 256, 128, 32, 64, 64},
    {17, 64, 128, 256, 32, 64, 64},
    {17, 64, 128, 128, 64, 64, 64},
    {17, 64, 64, 64, 32, 32, 32},
    {17, 64, 32, 64, 64, 16, 32},
};

/* As gemm_matrix2.comp has them, columns at least 32: a driver cuts a workgroup's matrices up by itself. */
static const struct matrix2_tile {
    uint32_t invocations; /* 0: a subgroup */
    uint32_t rows, columns, step;
} gemm_workgroup2[] = {{128, 64, 64, 64},  {256, 128, 256, 64}, {256, 128, 128, 64}, {256, 128, 256, 32},
                       {128, 128, 64, 64}, {128, 128, 128, 32}, {256, 256, 128, 32}, {128, 32, 128, 64}},
  /* Where matrices of any size are only a subgroup's, as on CPU drivers. */
    gemm_subgroup2[] = {{0, 16, 32, 16}, {0, 8, 32, 16}, {0, 16, 32, 32},
                        {0, 8, 32, 32},  {0, 8, 64, 16}, {0, 32, 32, 16}};
/* As attention_matrix2.comp has them: queries x keys x head, keys always so many. */
static const struct matrix2_tile attention_workgroup2[] = {{128, 64, 64, HEAD_SIZE},
                                                           {128, 128, 64, HEAD_SIZE},
                                                           {256, 128, 64, HEAD_SIZE},
                                                           {128, 32, 64, HEAD_SIZE}},
                                 attention_subgroup2[] = {
                                     {0, 8, 8, HEAD_SIZE}, {0, 16, 8, HEAD_SIZE}, {0, 32, 8, HEAD_SIZE}};
#define COUNT(table) (sizeof(table) / sizeof *(table))

/* As attention_matrix.comp has them: as many subgroups as the queries take. How many keys a step has, and
 * what a row's sum is made of, decides the bits: those that agree with the first that fits in both are
 * candidates, the others there to be compared with. */
static const struct attention_matrix_tile {
    bool cpu_driver;  /* for CPU drivers, which unroll it all: minutes to compile 64 x 64; else for GPUs */
    bool conversions; /* with the reductions and conversions of VK_NV_cooperative_matrix2 */
    uint32_t queries, keys, row_fragments;
} attention_tiles_of[] = {
    {true, true, 16, 16, 1},    {true, true, 32, 16, 1},   {true, true, 32, 16, 2},
    {true, false, 16, 16, 1},   {false, true, 64, 32, 1},  {false, true, 128, 32, 2},
    {false, true, 128, 32, 1},  {false, true, 64, 32, 2},  {false, true, 32, 32, 1},
    {false, true, 64, 64, 1},   {false, false, 64, 64, 1}, {false, false, 128, 64, 1},
    {false, false, 128, 64, 2}, {false, false, 64, 64, 2},
};

static const char *attention_shader(const struct attention_matrix_tile *tile)
{
    return tile->conversions ? "attention_matrix.f16_conversions" : "attention_matrix.f16";
}

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

/* AMD's RDNA has subgroups of 32 lanes and of 64, both halves of which hold the operands' fragments: beside
 * them neither the sums of 64 x 64 nor two rows of fragments of attention fit in the 256 registers of each of
 * 32 lanes. */
static bool in_both_halves(const struct gpu_device_info *device)
{
    return lanes_of(device) == 32 && device->subgroup_size_max == 64;
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

/* NULL, or what is missing for the tile on subgroups that it is for. */
static const char *gemm_lacks(const struct gpu_device_info *device, const struct gemm_matrix_tile *tile,
                              const struct gpu_matrix_shape *shape)
{
    const uint32_t lanes = lanes_of(device), threads = gemm_subgroups(tile) * lanes;
    if (threads > device->workgroup_invocations_max)
        return "its workgroups are too small for the tiles";
    if (gemm_shared_bytes(tile, shape) > device->shared_memory_bytes)
        return "its shared memory is too small for the tiles";
    const bool even = tile->step % shape->k == 0 && tile->warp_rows % shape->m == 0 &&
                      tile->warp_columns % shape->n == 0 && tile->rows * tile->step / 8 % threads == 0 &&
                      tile->columns * tile->step / 8 % threads == 0 &&
                      shape->m * tile->warp_columns / 4 % lanes == 0;
    return even ? NULL : "its subgroups share no tile evenly";
}

static bool for_lanes(const struct gpu_device_info *device, const struct gemm_matrix_tile *tile)
{
    return tile->lanes_min <= lanes_of(device) && lanes_of(device) <= tile->lanes_max &&
           (!in_both_halves(device) || tile->warp_rows * tile->warp_columns <= 64 * 32);
}

void matrix_gemm_tiles(const struct gpu_device_info *device, enum element weights, struct tiles *out)
{
    const struct gpu_matrix_shape *shape = shape_of(device);
    const uint32_t lanes = lanes_of(device);
    (void)weights;
    for (size_t i = 0; i < COUNT(gemm_tiles_of); i++) {
        const struct gemm_matrix_tile *tile = &gemm_tiles_of[i];
        if (!for_lanes(device, tile) || gemm_lacks(device, tile, shape))
            continue;
        struct variant variant = {.shader = "gemm_matrix.f16",
                                  .rows = tile->rows,
                                  .columns = tile->columns,
                                  .constants = {0, lanes, shape->m, shape->n, shape->k, tile->rows,
                                                tile->columns, tile->step, tile->warp_rows,
                                                tile->warp_columns, gemm_subgroups(tile) * lanes},
                                  .constant_count = 11,
                                  .subgroup_size = lanes};
        snprintf(variant.name, sizeof variant.name, "%ux%ux%u by %ux%u", tile->rows, tile->columns,
                 tile->step, tile->warp_rows, tile->warp_columns);
        tiles_add(out, &variant);
    }
}

static bool attention_fits(const struct gpu_device_info *device, const struct attention_matrix_tile *tile,
                           const struct gpu_matrix_shape *shape)
{
    const uint32_t lanes = lanes_of(device), rows = tile->row_fragments * shape->m;
    const uint32_t threads = tile->queries / rows * lanes;
    return gpu_shader_find(attention_shader(tile)) && tile->cpu_driver == (lanes <= CPU_LANES) &&
           (!tile->conversions || (device->cooperative_matrix2 && shape->n == shape->k)) &&
           (tile->row_fragments == 1 || !in_both_halves(device)) && tile->queries % rows == 0 && threads &&
           tile->keys * HEAD_SIZE / 8 % threads == 0 && tile->queries * HEAD_SIZE / 8 % threads == 0 &&
           threads <= device->workgroup_invocations_max &&
           attention_shared_bytes(tile, shape) <= device->shared_memory_bytes;
}

void matrix_attention_tiles(const struct gpu_device_info *device, struct tiles *out)
{
    const struct gpu_matrix_shape *shape = shape_of(device);
    const uint32_t lanes = lanes_of(device);
    if (device->matrix_attention_lack) {
        attention_tiles_half(device, out);
        return;
    }
    for (size_t i = 0; i < COUNT(attention_tiles_of); i++) {
        const struct attention_matrix_tile *tile = &attention_tiles_of[i];
        if (!attention_fits(device, tile, shape))
            continue;
        const uint32_t subgroups = tile->queries / (tile->row_fragments * shape->m);
        struct variant variant = {.shader = attention_shader(tile),
                                  .rows = tile->queries,
                                  .columns = tile->keys,
                                  .constants = {lanes, shape->m, shape->n, shape->k, subgroups,
                                                tile->row_fragments, tile->keys, subgroups * lanes},
                                  .constant_count = 8,
                                  .subgroup_size = lanes,
                                  .family = 2 * tile->keys + tile->conversions};
        snprintf(variant.name, sizeof variant.name, "%ux%u by %u%s", tile->queries, tile->keys,
                 tile->row_fragments * shape->m, tile->conversions ? ", converted" : "");
        tiles_add(out, &variant);
    }
}

/* What the kernels on matrices need beside matrices; NULL where all is there. */
static const char *common_lacks(const struct gpu_device_info *device, const char *shader)
{
    if (!gpu_shader_find(shader))
        return "this build's shader compiler was too old for its kernels";
    if (!device->half_storage || !device->half_arithmetic)
        return "it has no 16-bit storage and arithmetic";
    if (!device->subgroup_size_control && device->subgroup_size_min != device->subgroup_size_max)
        return "it cannot pin the size of its subgroups";
    return NULL;
}

const char *matrix_lacks(const struct gpu_device_info *device)
{
    if (!device->cooperative_matrix)
        return device->matrix_lack ? device->matrix_lack : "it has no cooperative matrices";
    const char *lack = common_lacks(device, "gemm_matrix.f16");
    if (lack)
        return lack;
    const struct gpu_matrix_shape *shape = shape_of(device);
    if (!shape)
        return "its matrices are of no shape that the kernels are made of";
    lack = "its subgroups are larger than 64";
    for (size_t i = 0; lack && i < COUNT(gemm_tiles_of); i++)
        if (for_lanes(device, &gemm_tiles_of[i]))
            lack = gemm_lacks(device, &gemm_tiles_of[i], shape);
    if (lack)
        return lack;
    struct tiles attentions = {.count = 0};
    matrix_attention_tiles(device, &attentions);
    return attentions.count ? NULL : "its workgroups or its shared memory are too small for attention";
}

/* Whether matrices of these sizes are made of the device's steps. */
static bool steps_fit(const struct gpu_device_info *device, const struct matrix2_tile *tile)
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

/* One of the tiles with this list of constants for each that fits. */
static void add2(const struct gpu_device_info *device, const char *shader, const struct matrix2_tile *tile,
                 struct variant variant, struct tiles *out)
{
    const uint32_t lanes = lanes_of(device);
    variant.shader = shader;
    variant.rows = tile->rows;
    variant.columns = tile->columns;
    variant.subgroup_size = lanes;
    variant.constants[variant.constant_count++] = tile->invocations ? tile->invocations : lanes;
    if (tile->invocations)
        snprintf(variant.name, sizeof variant.name, "%ux%ux%u of %u", tile->rows, tile->columns, tile->step,
                 tile->invocations);
    else
        snprintf(variant.name, sizeof variant.name, "%ux%ux%u", tile->rows, tile->columns, tile->step);
    tiles_add(out, &variant);
}

void matrix2_gemm_tiles(const struct gpu_device_info *device, enum element weights, struct tiles *out)
{
    const bool workgroup = device->matrix2_workgroup;
    const struct matrix2_tile *table = workgroup ? gemm_workgroup2 : gemm_subgroup2;
    (void)weights;
    for (size_t i = 0; i < (workgroup ? COUNT(gemm_workgroup2) : COUNT(gemm_subgroup2)); i++) {
        const struct matrix2_tile *tile = &table[i];
        /* Of SwiGLU gate and up are two products of half the columns. */
        const struct matrix2_tile half = {tile->invocations, tile->rows, tile->columns / 2, tile->step};
        if (steps_fit(device, tile) && steps_fit(device, &half))
            add2(device, workgroup ? "gemm_matrix2.f16" : "gemm_matrix2.f16_subgroup", tile,
                 (struct variant){.constants = {0, tile->rows, tile->columns, tile->step},
                                  .constant_count = 4},
                 out);
    }
}

void matrix2_attention_tiles(const struct gpu_device_info *device, struct tiles *out)
{
    const bool workgroup = device->matrix2_workgroup;
    const struct matrix2_tile *table = workgroup ? attention_workgroup2 : attention_subgroup2;
    for (size_t i = 0; i < (workgroup ? COUNT(attention_workgroup2) : COUNT(attention_subgroup2)); i++) {
        /* Attention has two products, of which the second is queries x head x keys. */
        const struct matrix2_tile *scores = &table[i];
        const struct matrix2_tile values = {scores->invocations, scores->rows, scores->step, scores->columns};
        if (steps_fit(device, scores) && steps_fit(device, &values))
            add2(device, workgroup ? "attention_matrix2.f16" : "attention_matrix2.f16_subgroup", scores,
                 (struct variant){.constants = {scores->rows, scores->columns}, .constant_count = 2}, out);
    }
}

const char *matrix2_lacks(const struct gpu_device_info *device)
{
    if (!device->cooperative_matrix2)
        return device->matrix2_lack ? device->matrix2_lack : "it has no cooperative matrices of any size";
    const char *lack =
        common_lacks(device, device->matrix2_workgroup ? "gemm_matrix2.f16" : "gemm_matrix2.f16_subgroup");
    if (lack)
        return lack;
    struct tiles gemms = {.count = 0}, attentions = {.count = 0};
    matrix2_gemm_tiles(device, ELEMENT_F16, &gemms);
    matrix2_attention_tiles(device, &attentions);
    return gemms.count && attentions.count ? NULL
                                           : "its matrices are of no sizes that the kernels are made of";
}
