/* Flash attention for CPU drivers with subgroups of 8: out = softmax2(Q K^T) V for one head of one image.
 *
 * A subgroup takes 16 queries and the keys block by block. First, lanes being queries, the powers of a block's scores
 * go to memory, relative to a reference that some score had before; only where a score is so far above it that the sums
 * might overflow is the reference raised and the block begun again, so that the scores themselves are never stored.
 * Then, lanes being columns, the powers' product with V is added to the sums, which lie in memory too: what a loop
 * carries in registers is masked at every round (include/lanes.glsl). Both products make 4 rows x 16 columns at a time,
 * in the form of gemm_cpu.comp.
 */
#version 460
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_vote : require
#include "types.glsl"

#include "attention.h"

#include "lanes.glsl"

layout(local_size_x = 8) in;

const uint QUERIES = ATTENTION_CPU_QUERIES, TILE = 4, ROW_BYTES = HEAD_SIZE * 4;
const uint BLOCK = 64, LAST_BLOCK = 8; /* keys: 64 at a time, what is left over 8 at a time */
const uint UNROLLED = 32;              /* rounds of one loop: the compiler leaves alone a loop of more than 32 */
const float SLACK = 32;                /* of a score above the reference: their sums then stay below 2^50 */

/* What lies where in the workgroup's scratch, in bytes: Q [64][16], powers [BLOCK][16], sums [16][64], and
 * for each query the factor of its sums. */
const uint POWERS = HEAD_SIZE * QUERIES * 4, SUMS = POWERS + BLOCK * QUERIES * 4, FACTORS = SUMS + QUERIES * ROW_BYTES;

/* True for i < 16, but unknown to the compiler. Code behind it is scheduled by itself: all in one, it would be ordered
 * row by row and spill every vector; and what one loop has computed is not carried into the next, where it would no
 * longer be a constant. */
#define ALWAYS(i) (params.tokens_padded > (i))

layout(buffer_reference, scalar, buffer_reference_align = 8) buffer PairBuffer {
    uint64_t v[];
};

void store_pair(uint64_t at, vec2 pair)
{
    PairBuffer(at).v[lane] = packUint2x32(floatBitsToUint(pair));
}

/* What store_pair has stored: lane l gets elements 2l and 2l + 1. */
vec2 load_pair(uint64_t at)
{
    return uintBitsToFloat(unpackUint2x32(PairBuffer(at).v[lane]));
}

/* The scores of keys 4 * tile.. of a block, of which `count` are there: the last one takes the place of those beyond. */
void score(uint64_t scratch, uint64_t k, uint tile, uint count, const bool whole, inout vec2 s[TILE])
{
    const uint64_t first = k + tile * (TILE * ROW_BYTES);
    FloatBuffer queries = FloatBuffer(scratch), keys[TILE];
    [[unroll]] for (uint j = 0; j < TILE; j++) {
        keys[j] = FloatBuffer(whole ? first + j * ROW_BYTES : k + min(tile * TILE + j, count - 1) * ROW_BYTES);
        s[j] = vec2(0);
    }
    [[unroll]] for (uint group = 0; group < HEAD_SIZE; group += UNROLLED)
        if (ALWAYS(group / UNROLLED))
            [[unroll]] for (uint i = 0; i < UNROLLED; i++) {
                const uint d = group + i;
                const vec2 q = load_16(queries, d * QUERIES);
                [[unroll]] for (uint j = 0; j < TILE; j++)
                    s[j] = fma(vec2(keys[j].v[d]), q, s[j]);
            }
}

vec2 highest_of(const vec2 s[TILE])
{
    return max(max(s[0], s[1]), max(s[2], s[3]));
}

/* Stores the powers of a block's keys relative to `reference`, 0 for those that are not there. */
void weigh(uint64_t scratch, uint64_t k, uint count, const uint keys, const bool whole, vec2 reference,
           inout vec2 highest, inout vec2 total)
{
    uint counter = lane, step;
    do {
        step = subgroupBroadcast(counter, 0);
        vec2 s[TILE];
        score(scratch, k, step, count, whole, s);
        highest = max(highest, highest_of(s));
        const uint64_t to = scratch + POWERS + step * (TILE * QUERIES * 4);
        [[unroll]] for (uint j = 0; j < TILE; j++) {
            vec2 power = exp2(s[j] - reference);
            if (!whole && step * TILE + j >= count)
                power = vec2(0);
            total += power;
            store_pair(to + j * (QUERIES * 4), power);
        }
        counter++;
    } while (step + 1 < keys / TILE);
}

/* Multiplies each query's sums by its factor. */
void scale(uint64_t scratch, vec2 factor)
{
    store_pair(scratch + FACTORS, factor);
    subgroupMemoryBarrierBuffer();
    FloatBuffer factors = FloatBuffer(scratch + FACTORS);
    uint counter = lane, row;
    do {
        row = subgroupBroadcast(counter, 0);
        [[unroll]] for (uint panel = 0; panel < HEAD_SIZE / PANEL; panel++) {
            const uint64_t at = scratch + SUMS + row * ROW_BYTES + panel * (PANEL * 4);
            store_pair(at, load_pair(at) * factors.v[row]);
        }
        counter++;
    } while (row + 1 < QUERIES);
}

/* Adds powers * V of `keys` keys to the sums of 4 queries and 16 columns, `part` of 16 such parts. */
void accumulate(uint64_t scratch, uint64_t v, uint part, uint count, const uint keys, const bool whole)
{
    const uint64_t rows = part % TILE * TILE, panel = part / TILE * (PANEL * 4);
    const uint64_t at = scratch + SUMS + rows * ROW_BYTES + panel;
    FloatBuffer powers = FloatBuffer(scratch + POWERS + rows * 4);
    FloatBuffer values = FloatBuffer(v + panel);
    vec2 sum[TILE];
    [[unroll]] for (uint row = 0; row < TILE; row++)
        sum[row] = load_pair(at + row * ROW_BYTES);
    [[unroll]] for (uint group = 0; group < keys; group += UNROLLED)
        if (ALWAYS(group / UNROLLED))
            [[unroll]] for (uint i = 0; i < min(keys, UNROLLED); i++) {
                const uint key = group + i;
                if (!whole)
                    values = FloatBuffer(v + panel + min(key, count - 1) * ROW_BYTES);
                const vec2 value = load_16(values, whole ? key * HEAD_SIZE : 0);
                [[unroll]] for (uint row = 0; row < TILE; row++)
                    sum[row] = fma(vec2(powers.v[key * QUERIES + row]), value, sum[row]);
            }
    [[unroll]] for (uint row = 0; row < TILE; row++)
        store_pair(at + row * ROW_BYTES, sum[row]);
}

/* Takes `keys` keys, of which `count` are there, into the sums and `total`, which are relative to `reference`; or raises
 * the reference and returns false: they are to be taken again. */
bool attend(uint64_t scratch, uint64_t k, uint64_t v, uint count, const uint keys, const bool whole,
            inout vec2 reference, inout vec2 total)
{
    vec2 highest = reference, sum = vec2(0);
    if (ALWAYS(4))
        weigh(scratch, k, count, keys, whole, reference, highest, sum);
    const bool overflows = subgroupAny(any(greaterThan(highest, reference + SLACK)));
    if (overflows) {
        const vec2 factor = exp2(reference - highest);
        scale(scratch, factor);
        total *= factor;
        reference = highest;
    } else {
        total += sum;
        subgroupMemoryBarrierBuffer();
        uint counter = lane, step;
        do {
            step = subgroupBroadcast(counter, 0);
            accumulate(scratch, v, step, count, keys, whole);
            counter++;
        } while (step + 1 < QUERIES * HEAD_SIZE / (TILE * PANEL));
    }
    return !overflows;
}

/* Q in columns, even queries before odd ones so that load_16 gives lane l queries 2l and 2l + 1; and sums of zero. The
 * last query takes the place of those beyond: the queries of a block decide together when their references are raised. */
void prepare(uint64_t scratch, uint64_t slab, uint token)
{
    const uint query = token + (lane < 4 ? 4 * lane : 4 * lane - 15), last = params.tokens - 1;
    PairBuffer first = PairBuffer(slab + min(query, last) * ROW_BYTES);
    PairBuffer second = PairBuffer(slab + min(query + 2, last) * ROW_BYTES);
    [[unroll]] for (uint pair = 0; pair < HEAD_SIZE / 2; pair++) {
        const vec2 a = uintBitsToFloat(unpackUint2x32(first.v[pair]));
        const vec2 b = uintBitsToFloat(unpackUint2x32(second.v[pair]));
        store_pair(scratch + 2 * pair * (QUERIES * 4), vec2(a.x, b.x));
        store_pair(scratch + (2 * pair + 1) * (QUERIES * 4), vec2(a.y, b.y));
    }
    [[unroll]] for (uint group = 0; group < HEAD_SIZE; group += UNROLLED)
        [[unroll]] for (uint i = 0; i < UNROLLED; i++)
            store_pair(scratch + SUMS + (group + i) * (QUERIES * 4), vec2(0));
    subgroupMemoryBarrierBuffer();
}

/* Sums over totals to `out`, for the queries from `token` on that are there. */
void finish(uint64_t scratch, uint token, uint row_of_token, vec2 total)
{
    store_pair(scratch + FACTORS, 1.0 / total);
    subgroupMemoryBarrierBuffer();
    FloatBuffer factors = FloatBuffer(scratch + FACTORS);
    const uint rows = params.batch * params.tokens, head = gl_WorkGroupID.y % params.heads;
    const uint present_rows = min(QUERIES, params.tokens - token);
    uint counter = lane, row;
    do {
        row = subgroupBroadcast(counter, 0);
        [[unroll]] for (uint panel = 0; panel < HEAD_SIZE / PANEL; panel++) {
            const vec2 value = load_pair(scratch + SUMS + row * ROW_BYTES + panel * (PANEL * 4)) * factors.v[row];
            const uint column = head * HEAD_SIZE + panel * PANEL;
            const uint to = activation_index(rows, params.heads * HEAD_SIZE, row_of_token + row, column) + lane;
            FloatBuffer(params.out).v[to] = value.x;
            FloatBuffer(params.out).v[to + 8] = value.y;
        }
        counter++;
    } while (row + 1 < present_rows);
}

void main()
{
    const uint heads = params.heads, tokens = params.tokens, image = gl_WorkGroupID.y / heads;
    const uint64_t slab_bytes = uint64_t(params.tokens_padded) * ROW_BYTES;
    const uint64_t third_bytes = slab_bytes * (params.batch * heads);
    const uint64_t slab = packUint2x32(params.qkv) + gl_WorkGroupID.y * slab_bytes;
    const uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    const uint64_t scratch = packUint2x32(params.scratch) + group * uint64_t(ATTENTION_CPU_SCRATCH);
    const uint token = gl_WorkGroupID.x * QUERIES;

    prepare(scratch, slab, token);
    const uint64_t k = slab + third_bytes, v = k + third_bytes;
    vec2 s[TILE], total = vec2(0);
    score(scratch, k, 0, tokens, false, s);
    vec2 reference = highest_of(s);
    const uint blocks = tokens / BLOCK, left = tokens % BLOCK, last_blocks = (left + LAST_BLOCK - 1) / LAST_BLOCK;
    uint counter = lane, step;
    bool taken;
    if (blocks > 0) {
        do {
            step = subgroupBroadcast(counter, 0);
            const uint64_t at = step * uint64_t(BLOCK * ROW_BYTES);
            taken = attend(scratch, k + at, v + at, BLOCK, BLOCK, true, reference, total);
            counter += uint(taken);
        } while (!taken || step + 1 < blocks);
    }
    counter = lane;
    if (last_blocks > 0) {
        do {
            step = subgroupBroadcast(counter, 0);
            const uint64_t at = (blocks * BLOCK + step * LAST_BLOCK) * uint64_t(ROW_BYTES);
            const uint count = min(left - step * LAST_BLOCK, LAST_BLOCK);
            taken = attend(scratch, k + at, v + at, count, LAST_BLOCK, false, reference, total);
            counter += uint(taken);
        } while (!taken || step + 1 < last_blocks);
    }
    finish(scratch, token, image * tokens + token, total);
}
