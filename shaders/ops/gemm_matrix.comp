/* GEMM on cooperative matrices of a subgroup: out = epilogue(A * B^T + bias), float16 into float32.
 *
 * A workgroup makes TILE_M x TILE_N, each of its subgroups WARP_M x WARP_N of it, in steps of TILE_K along K. A step
 * goes through shared memory while the next is on its way into registers: staged, B's bytes come from L2 once a
 * workgroup rather than once a subgroup, 16 a lane, whatever the driver makes of a load.
 * B is packed [n/16][k/16][16 columns][16 k], so that a lane finds the k of a column side by side as it does those of
 * a row of A; all GPUs want them so in registers (NVIDIA pairs, AMD whole columns of 16, Intel pairs).
 *
 * A subgroup of 64 x 64 reads 256 bytes of shared memory for 4096 multiply-adds, which is what a tensor core's
 * scheduler gets of either. Whatever the tile, an element's products are added in the order of K, fragment by fragment:
 * the tile depends on how many images share a batch, and an image's answer must not.
 *
 * The accumulators leave through shared memory too, row of fragments by row of fragments, and get scale, bias and
 * epilogue there: what a lane holds of them is not known. */
#version 460
#include "types.glsl"
#include "gemm.h"
#include "matrix.glsl"

layout(constant_id = 0) const uint EPILOGUE = GEMM_EXACT;
layout(constant_id = 1) const uint SUBGROUP = 32;
layout(constant_id = 2) const uint M = 16; /* of a fragment */
layout(constant_id = 3) const uint N = 16;
layout(constant_id = 4) const uint K = 16;
layout(constant_id = 5) const uint TILE_M = 128;
layout(constant_id = 6) const uint TILE_N = 128;
layout(constant_id = 7) const uint TILE_K = 32;
layout(constant_id = 8) const uint WARP_M = 64;
layout(constant_id = 9) const uint WARP_N = 64;
layout(local_size_x_id = 10) in; /* SUBGROUP * WARPS */

#define FIRST_ROW (gl_WorkGroupID.y * TILE_M)
#include "gemm_store.glsl"

const uint HALVES = 8, FLOATS = 4; /* in 16 bytes */
const uint WARPS_N = TILE_N / WARP_N, WARPS = TILE_M / WARP_M * WARPS_N, THREADS = SUBGROUP * WARPS;
const uint STRIDE = TILE_K / HALVES + 1; /* of a row of A's or B's tile */
const uint B_TILE = TILE_M * STRIDE;
const uint A_LOADS = TILE_M * TILE_K / HALVES / THREADS, B_LOADS = TILE_N * TILE_K / HALVES / THREADS;
const uint QUADS = WARP_N / FLOATS, STAGE_STRIDE = QUADS + 1, STAGE = M * STAGE_STRIDE; /* a row of fragments */
const uint TILES_SIZE = (TILE_M + TILE_N) * STRIDE, STAGES_SIZE = WARPS * STAGE;
const uint STAGE_SLOTS = M * QUADS / SUBGROUP; /* of a lane */
const uint ROWS = WARP_M / M, COLUMNS = WARP_N / N, STEPS = TILE_K / K;

shared uvec4 tile[TILES_SIZE > STAGES_SIZE ? TILES_SIZE : STAGES_SIZE];

uint thread = gl_LocalInvocationIndex;
uint tile_row = gl_WorkGroupID.y, tile_column = gl_WorkGroupID.z * gl_NumWorkGroups.x + gl_WorkGroupID.x;

/* The 16 bytes of slot (panel of K, row, half of a panel's row). Loads are clamped to the matrix: what is beyond it is
 * computed from its last row or panel, and not stored. */
uvec4 load_a(uint k_panel, uint slot)
{
    const uint panel = k_panel + slot / (TILE_M * 2);
    const uint row = min(tile_row * TILE_M + slot / 2 % TILE_M, params.m - 1);
    return VectorBuffer(params.a).v[(panel * params.m + row) * 2 + slot % 2];
}

uvec4 load_b(uint k_panel, uint slot)
{
    const uint panel = k_panel + slot / (TILE_N * 2), column = slot / 2 % TILE_N;
    const uint columns = min(tile_column * (TILE_N / PANEL) + column / PANEL, params.n / PANEL - 1);
    return VectorBuffer(params.b).v[((columns * (params.k / PANEL) + panel) * PANEL + column % PANEL) * 2 + slot % 2];
}

/* Where a slot of `rows` rows lies in its tile. */
uint place(uint slot, uint rows)
{
    return slot / 2 % rows * STRIDE + slot / (rows * 2) * 2 + slot % 2;
}

/* Row and quad of columns of a lane's slot in a row of fragments, and which element of the product that is. */
uvec2 stage_slot(uint slot)
{
    const uint i = slot * SUBGROUP + gl_SubgroupInvocationID;
    return uvec2(i / QUADS, i % QUADS);
}

uvec2 slot_element(uint first_row, uint first_column, uint slot)
{
    return uvec2(tile_row * TILE_M + first_row, tile_column * TILE_N + first_column) + stage_slot(slot) * uvec2(1, FLOATS);
}

/* Stores what a row of fragments holds of V: neighbouring lanes have neighbouring tokens. */
void store_values(uint first_row, uint first_column)
{
    const uint in_stage = gl_SubgroupInvocationID % M, row = first_row + in_stage;
    if (row >= params.m)
        return;
    const part image = part_of(row, params.tokens);
    [[dont_unroll]] for (uint i = gl_SubgroupInvocationID / M; i < WARP_N; i += SUBGROUP / M) {
        const uint column = first_column + i;
        const float sum = uintBitsToFloat(tile[gl_SubgroupID * STAGE + in_stage * STAGE_STRIDE + i / FLOATS][i % FLOATS]);
        const float scale = FloatBuffer(params.b).v[params.n * params.k / 2 + column];
        const float value = fma(sum, scale, FloatBuffer(params.bias).v[column]);
        ActivationBuffer(params.out).v[value_index(image, column)] = ACTIVATION(value);
    }
}

void main()
{
    if (tile_column * TILE_N >= params.n) /* the last band of columns may be narrower */
        return;
    const uint warp_row = gl_SubgroupID / WARPS_N * WARP_M, warp_column = gl_SubgroupID % WARPS_N * WARP_N;
    const uint first_row = tile_row * TILE_M + warp_row, first_column = tile_column * TILE_N + warp_column;
    const bool values = is_value(first_column); /* and so are all columns of the subgroup */

    MATRIX(float, Accumulator, M, N) sum[ROWS][COLUMNS];
    [[unroll]] for (uint i = 0; i < ROWS; i++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++)
            sum[i][j] = MATRIX(float, Accumulator, M, N)(0.0);

    uvec4 next_a[A_LOADS], next_b[B_LOADS];
    [[unroll]] for (uint i = 0; i < A_LOADS; i++)
        next_a[i] = load_a(0, i * THREADS + thread);
    [[unroll]] for (uint i = 0; i < B_LOADS; i++)
        next_b[i] = load_b(0, i * THREADS + thread);

    const uint panels = params.k / PANEL;
    uint panel = 0;
    do {
        barrier();
        [[unroll]] for (uint i = 0; i < A_LOADS; i++)
            tile[place(i * THREADS + thread, TILE_M)] = next_a[i];
        [[unroll]] for (uint i = 0; i < B_LOADS; i++)
            tile[B_TILE + place(i * THREADS + thread, TILE_N)] = next_b[i];
        barrier();

        panel += TILE_K / PANEL;
        const uint next = min(panel, panels - TILE_K / PANEL);
        [[unroll]] for (uint i = 0; i < A_LOADS; i++)
            next_a[i] = load_a(next, i * THREADS + thread);
        [[unroll]] for (uint i = 0; i < B_LOADS; i++)
            next_b[i] = load_b(next, i * THREADS + thread);

        [[unroll]] for (uint step = 0; step < STEPS; step++) {
            const uint k = step * (K / HALVES);
            MATRIX(float16_t, A, M, K) a[ROWS];
            [[unroll]] for (uint i = 0; i < ROWS; i++)
                coopMatLoad(a[i], tile, (warp_row + i * M) * STRIDE + k, STRIDE, ROW_MAJOR);
            [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
                MATRIX(float16_t, B, K, N) b;
                coopMatLoad(b, tile, B_TILE + (warp_column + j * N) * STRIDE + k, STRIDE, COLUMN_MAJOR);
                [[unroll]] for (uint i = 0; i < ROWS; i++)
                    sum[i][j] = coopMatMulAdd(a[i], b, sum[i][j]);
            }
        }
    } while (panel < panels);

    barrier();
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        /* What is added is on its way while the sums go through shared memory. */
        vec4 value[STAGE_SLOTS];
        [[unroll]] for (uint slot = 0; slot < STAGE_SLOTS; slot++) {
            const uvec2 at = slot_element(warp_row + i * M, warp_column, slot);
            const uint row = min(at.x, params.m - 1), column = min(at.y, params.n - FLOATS);
            value[slot] = Float4Buffer(params.bias).v[column / FLOATS];
            if (EPILOGUE == GEMM_ADD)
                value[slot] += addend(row, column);
        }
        [[unroll]] for (uint j = 0; j < COLUMNS; j++)
            coopMatStore(sum[i][j], tile, gl_SubgroupID * STAGE + j * (N / FLOATS), STAGE_STRIDE, ROW_MAJOR);
        subgroupBarrier();
        if (values && first_column < params.n)
            store_values(first_row + i * M, first_column);
        [[unroll]] for (uint slot = 0; slot < STAGE_SLOTS; slot++) {
            const uvec2 at = slot_element(warp_row + i * M, warp_column, slot), to = stage_slot(slot);
            if (values || at.x >= params.m || at.y >= params.n)
                continue;
            const vec4 sums = uintBitsToFloat(tile[gl_SubgroupID * STAGE + to.x * STAGE_STRIDE + to.y]);
            store(at.x, at.y, fma(sums, scales(at.y), value[slot]));
        }
        subgroupBarrier();
    }
}
