#include "tests/kernelcheck/kernelcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/half.h"
#include "engine/kernels/set.h"
#include "engine/reference/gemm.h"

static size_t out_count(enum gemm_epilogue epilogue, const struct gemm_params *params)
{
    if (epilogue == GEMM_HEADS)
        return (size_t)3 * params->batch * params->heads * params->tokens_padded * HEAD_SIZE;
    return (size_t)params->out_rows * params->n / (epilogue == GEMM_SWIGLU ? 2 : 1);
}

/* Packs B, whose last rows and columns may be padding (n_given, k_given), and uploads it. */
static uint64_t upload_packed(struct check *check, const struct gemm_params *params, const float *b,
                              size_t n_given, size_t k_given)
{
    float *given = memory_allocate(n_given * k_given, sizeof *given);
    for (size_t row = 0; row < n_given; row++)
        for (size_t column = 0; column < k_given; column++)
            given[row * k_given + column] = b[row * params->k + column];
    const size_t size_bytes = gemm_packed_size_bytes(check->kernels, params->n, params->k);
    void *packed = memory_allocate(size_bytes, 1);
    gemm_pack(check->kernels, &(struct gemm_weights){given, n_given, k_given, NULL, false}, params->n,
              params->k, packed);
    const uint64_t address = check_bytes(check, packed, size_bytes)->address;
    free(packed);
    free(given);
    return address;
}

/* Weights as LayerScale's gains make them, below what float16 can hold; each row by itself is exact in
 * float16. */
static void shrink(struct check_array *b, struct check_array *bias, const struct gemm_params *params)
{
    for (size_t i = 0; i < b->count; i++)
        b->values[i] = ldexpf(half_to_float(half_from_float(b->values[i])), -20 - (int)(i / params->k % 4));
    for (size_t i = 0; i < bias->count; i++)
        bias->values[i] = ldexpf(bias->values[i], -20);
}

enum b_kind { B_FULL, B_PADDED, B_SMALL, A_SUBNORMAL, BIAS_INFINITE };

/* Fills in `params`, from its shape on, and runs one product. With B_PADDED B has padding, and A is the last
 * columns of a matrix; with B_SMALL B and bias are small; with A_SUBNORMAL A is, and bias is 0; with
 * BIAS_INFINITE no sum is finite, and those of the first row, to which A brings infinity of either sign, are
 * mostly not even a number. */
static void run_tile(struct check *check, enum gemm_epilogue epilogue, struct gemm_params params,
                     enum b_kind kind, uint32_t tile)
{
    const bool padded = kind == B_PADDED;
    const bool exact = epilogue == GEMM_EXACT || epilogue == GEMM_ADD;
    const size_t n_given = padded ? params.n - 5 : params.n, k_given = padded ? params.k - 20 : params.k;
    const float deviation = 1 / sqrtf((float)params.k);

    const uint32_t a_first = padded ? 64 : 0;
    params.a_columns = a_first + params.k;
    struct check_array *a = check_input_activations(check, params.m, params.a_columns, 1);
    struct check_array *b =
        check_input(check, kind == B_SMALL ? ELEMENT_F32 : kernels_weights(check->kernels),
                    (size_t)params.n * params.k, deviation);
    for (size_t i = 0; padded && i < b->count; i++)
        if (i / params.k >= n_given || i % params.k >= k_given)
            b->values[i] = 0;
    struct check_array *bias = check_input(check, ELEMENT_F32, params.n, 1);
    for (size_t i = 0; kind == A_SUBNORMAL && i < a->count; i++)
        a->values[i] = ldexpf(fmaxf(-4, fminf(4, a->values[i])), -17);
    for (size_t i = 0; kind == A_SUBNORMAL && i < bias->count; i++)
        bias->values[i] = 0;
    for (size_t i = 0; kind == BIAS_INFINITE && i < bias->count; i++)
        bias->values[i] = INFINITY;
    if (kind == BIAS_INFINITE)
        a->values[0] = INFINITY;
    if (kind == B_SMALL)
        shrink(b, bias, &params);
    struct check_array *addend = NULL;
    if (params.addend_group != 0)
        addend = check_input(check, ELEMENT_F32, (size_t)params.addend_rows * params.n, 1);
    params.a = check_column_address(a, a_first);
    params.b = upload_packed(check, &params, b->values, n_given, k_given);
    params.bias = bias->address;

    struct check_array *out;
    const size_t count = out_count(epilogue, &params);
    if (epilogue == GEMM_ADD && !addend)
        out = addend = check_update(check, "out", ELEMENT_F32, count, 1);
    else if (exact)
        out = check_output(check, "out", ELEMENT_F32, count);
    else if (epilogue == GEMM_HEADS)
        out = check_output(check, "out", kernels_activations(check->kernels), count);
    else
        out = check_output_activations(check, "out", params.out_rows, count / params.out_rows);
    params.addend = addend ? addend->address : 0;
    params.out = out->address;
    gemm_record_tile(check->kernels, check->recorder, "gemm", epilogue, tile, &params);

    const struct check_work work = {.flops = 2.0 * params.m * params.n * params.k};
    if (check_run(check, &work))
        reference_gemm(epilogue, &params, a->values + (size_t)a_first * params.m, b->values, bias->values,
                       addend ? addend->values : NULL, kernels_values_across(check->kernels), out->expected);
    for (size_t i = 0; kind == BIAS_INFINITE && i < out->count; i++)
        out->expected[i] = INFINITY;
    check_case_end(check);
}

static void run(struct check *check, enum gemm_epilogue epilogue, struct gemm_params params, enum b_kind kind)
{
    run_tile(check, epilogue, params, kind, check->bench ? check->tile : 0);
}

/* Rows stored where they are computed; GEMM_ADD adds to them in place. */
static void plain_case(struct check *check, enum gemm_epilogue epilogue, uint32_t m, uint32_t n, uint32_t k)
{
    check_case_begin(check, "%s, %u x %u x %u", gemm_epilogue_name(epilogue), m, n, k);
    const struct gemm_params params = {
        .m = m, .n = n, .k = k, .group = m, .out_group = m, .out_rows = m, .addend_rows = m};
    run(check, epilogue, params, B_FULL);
}

static void small_case(struct check *check, uint32_t m, uint32_t n, uint32_t k)
{
    check_case_begin(check, "exact, small weights, %u x %u x %u", m, n, k);
    const struct gemm_params params = {
        .m = m, .n = n, .k = k, .group = m, .out_group = m, .out_rows = m, .addend_rows = m};
    run(check, GEMM_EXACT, params, B_SMALL);
}

/* A of float16's subnormal numbers alone, where the device keeps them. */
static void subnormal_case(struct check *check, uint32_t m, uint32_t n, uint32_t k)
{
    if (kernels_activations(check->kernels) != ELEMENT_F16 || !gpu_device_info(check->device)->half_denormals)
        return;
    check_case_begin(check, "exact, subnormal activations, %u x %u x %u", m, n, k);
    const struct gemm_params params = {
        .m = m, .n = n, .k = k, .group = m, .out_group = m, .out_rows = m, .addend_rows = m};
    run(check, GEMM_EXACT, params, A_SUBNORMAL);
}

/* What is not finite stays so, whatever is made of it: a broken weight has to show in the answers. */
static void infinite_case(struct check *check, enum gemm_epilogue epilogue, uint32_t m, uint32_t n,
                          uint32_t k)
{
    check_case_begin(check, "%s, no sum finite, %u x %u x %u", gemm_epilogue_name(epilogue), m, n, k);
    const struct gemm_params params = {
        .m = m, .n = n, .k = k, .group = m, .out_group = m, .out_rows = m, .addend_rows = m};
    run(check, epilogue, params, BIAS_INFINITE);
}

/* Patches after `prefix` other rows of each image; with GEMM_ADD, each image's are added to the same addend.
 */
static void grouped_case(struct check *check, enum gemm_epilogue epilogue, uint32_t batch, uint32_t patches,
                         uint32_t prefix)
{
    check_case_begin(check, "%s, %u images of %u + %u rows, padded weights", gemm_epilogue_name(epilogue),
                     batch, prefix, patches);
    const struct gemm_params params = {.m = batch * patches,
                                       .n = 96,
                                       .k = 128,
                                       .group = patches,
                                       .out_group = prefix + patches,
                                       .out_offset = prefix,
                                       .out_rows = batch * (prefix + patches),
                                       .addend_group = epilogue == GEMM_ADD ? patches : 0,
                                       .addend_rows = patches};
    run(check, epilogue, params, B_PADDED);
}

static void heads_case(struct check *check, uint32_t batch, uint32_t heads, uint32_t tokens, uint32_t k)
{
    check_case_begin(check, "heads, batch %u, heads %u, tokens %u, k %u", batch, heads, tokens, k);
    const struct gemm_params params = {.m = batch * tokens,
                                       .n = 3 * heads * HEAD_SIZE,
                                       .k = k,
                                       .batch = batch,
                                       .heads = heads,
                                       .tokens = tokens,
                                       .tokens_padded = (uint32_t)round_up(tokens, PANEL)};
    run(check, GEMM_HEADS, params, B_FULL);
}

/* Every tile of the rung gives the right values and the same bits: which one is taken depends on how many
 * images share a batch, and an image's answer must not. With a prefix each image's rows follow that many
 * others, and one addend is for all images. */
static void tiles_case(struct check *check, enum gemm_epilogue epilogue, uint32_t batch, uint32_t tokens,
                       uint32_t prefix, uint32_t heads, uint32_t k)
{
    const struct kernels *kernels = check->kernels;
    const struct tiles *tiles = &kernels->gemm_tiles;
    const uint32_t m = batch * tokens, n = 3 * heads * HEAD_SIZE;
    if (tiles->count == 1)
        return;
    check_case_begin(check, "%s in all tiles, %u x %u of %u + %u x %u", gemm_epilogue_name(epilogue), batch,
                     n, prefix, tokens, k);
    struct gemm_params params = {.m = m,
                                 .n = n,
                                 .k = k,
                                 .a_columns = k,
                                 .group = prefix ? tokens : m,
                                 .out_group = prefix ? prefix + tokens : m,
                                 .out_offset = prefix,
                                 .out_rows = m + batch * prefix,
                                 .addend_group = prefix ? tokens : 0,
                                 .addend_rows = prefix ? tokens : m,
                                 .batch = batch,
                                 .heads = heads,
                                 .tokens = tokens,
                                 .tokens_padded = (uint32_t)round_up(tokens, PANEL)};
    const bool exact = epilogue == GEMM_EXACT || epilogue == GEMM_ADD;
    struct check_array *a = check_input_activations(check, m, k, 1);
    struct check_array *b = check_input(check, kernels_weights(kernels), (size_t)n * k, 1 / sqrtf((float)k));
    struct check_array *bias = check_input(check, ELEMENT_F32, n, 1), *outs[TILES_MAX];
    struct check_array *addend = check_input(check, ELEMENT_F32, (size_t)params.addend_rows * n, 1);
    const size_t count = out_count(epilogue, &params);
    params.a = a->address;
    params.b = upload_packed(check, &params, b->values, n, k);
    params.bias = bias->address;
    params.addend = addend->address;
    for (uint32_t i = 0; i < tiles->count; i++) {
        const char *name = tiles->list[i].name;
        outs[i] = NULL;
        if (!check_runs(check, epilogue, i))
            continue;
        if (exact)
            outs[i] = check_output(check, name, ELEMENT_F32, count);
        else if (epilogue == GEMM_HEADS)
            outs[i] = check_output(check, name, kernels_activations(kernels), count);
        else
            outs[i] = check_output_activations(check, name, params.out_rows, count / params.out_rows);
        outs[i]->twin = i ? outs[0] : NULL;
        params.out = outs[i]->address;
        gemm_record_tile(kernels, check->recorder, "gemm", epilogue, i, &params);
    }
    if (check_run(check, &(struct check_work){0})) {
        reference_gemm(epilogue, &params, a->values, b->values, bias->values, addend->values,
                       kernels_values_across(kernels), outs[0]->expected);
        for (uint32_t i = 1; i < tiles->count; i++)
            if (outs[i])
                memcpy(outs[i]->expected, outs[0]->expected, count * sizeof(float));
    }
    check_case_end(check);
}

/* Every tile, in every epilogue: a row over it, and so wide that there is more than one band of columns; once
 * also filled, and a row short of it. So whole tiles and cut ones are there, alone and together. */
static void sides_case(struct check *check, enum gemm_epilogue epilogue, uint32_t tile, uint32_t rows,
                       uint32_t columns, uint32_t images)
{
    enum { K = 2 * K_STEP };
    const bool heads = epilogue == GEMM_HEADS;
    const uint32_t unit = heads ? 3 * HEAD_SIZE : 2 * PANEL, n = divide_up(columns, unit) * unit;
    const uint32_t tokens = divide_up(rows, images), m = heads ? tokens * images : rows;
    const struct gemm_params params = {.m = m,
                                       .n = n,
                                       .k = K,
                                       .group = m,
                                       .out_group = m,
                                       .out_rows = m,
                                       .addend_rows = m,
                                       .batch = images,
                                       .heads = n / (3 * HEAD_SIZE),
                                       .tokens = tokens,
                                       .tokens_padded = (uint32_t)round_up(tokens, PANEL)};
    check_case_begin(check, "%s in %s, %u x %u x %u", gemm_epilogue_name(epilogue),
                     check->kernels->gemm_tiles.list[tile].name, m, n, K);
    run_tile(check, epilogue, params, B_FULL, tile);
}

static void sides_cases(struct check *check)
{
    const struct tiles *tiles = &check->kernels->gemm_tiles;
    for (uint32_t i = 0; i < tiles->count; i++) {
        const uint32_t rows = tiles->list[i].rows, columns = tiles->list[i].columns;
        if (!check_runs(check, GEMM_EXACT, i))
            continue;
        sides_case(check, GEMM_EXACT, i, rows, columns, 1);
        sides_case(check, GEMM_EXACT, i, rows - 1, columns, 1);
        for (enum gemm_epilogue epilogue = 0; epilogue < GEMM_EPILOGUE_COUNT; epilogue++) {
            if (!check_runs(check, epilogue, i))
                continue;
            sides_case(check, epilogue, i, rows + 1, columns + PANEL, 1);
            sides_case(check, epilogue, i, 2 * rows - 1, (GEMM_BAND + 1) * columns - PANEL, 3);
        }
    }
}

/* Of rows and columns for every tile to be whole somewhere and cut elsewhere, and of a single row. */
static void tiles_cases(struct check *check)
{
    for (enum gemm_epilogue epilogue = 0; epilogue < GEMM_EPILOGUE_COUNT; epilogue++) {
        tiles_case(check, epilogue, 1, 1, 0, 1, 64);
        tiles_case(check, epilogue, 2, 130, 0, 2, 192);
    }
    tiles_case(check, GEMM_EXACT, 1, 69, 0, 1, 704);
    tiles_case(check, GEMM_EXACT, 3, 23, 1, 1, 128);
    tiles_case(check, GEMM_ADD, 60, 5, 2, 1, 64);
    tiles_case(check, GEMM_ADD, 2, 141, 5, 1, 64);
    tiles_case(check, GEMM_HEADS, 60, 5, 0, 1, 64);
}

/* The network's products at one image, and on GPUs at 8, in the tile of check->tile. */
static void bench(struct check *check)
{
    const uint32_t batches = gpu_device_info(check->device)->kind == GPU_CPU ? 1 : 8;
    printf("products in tiles of %s\n", check->kernels->gemm_tiles.list[check->tile].name);
    plain_case(check, GEMM_EXACT, 1029, 4096, 1024);
    plain_case(check, GEMM_EXACT, 1029, 1024, 4096);
    for (uint32_t batch = 1; batch <= batches; batch += 7) {
        heads_case(check, batch, 16, 1029, 1024);
        plain_case(check, GEMM_ADD, batch * 1029, 1024, 1024);
        plain_case(check, GEMM_SWIGLU, batch * 1029, 5504, 1024);
        plain_case(check, GEMM_ADD, batch * 1029, 1024, 2752);
        plain_case(check, GEMM_GELU, batch * 1029, 4096, 1024);
    }
}

void check_gemm(struct check *check)
{
    if (check->bench) {
        for (check->tile = 0; check->tile < check->kernels->gemm_tiles.count; check->tile++)
            bench(check);
        return;
    }
    static const uint32_t rows[] = {1, 2, 3, 4, 5, 6, 7, 24, 31, 65, 129};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        plain_case(check, GEMM_EXACT, rows[i], 48, 64);
    plain_case(check, GEMM_EXACT, 1, 16, 704);
    plain_case(check, GEMM_EXACT, 1029, 48, 704);
    plain_case(check, GEMM_EXACT, 1801, 32, 704); /* more than the cpu rung takes in one block of rows */
    plain_case(check, GEMM_EXACT, 7, 1024, 128);
    small_case(check, 69, 96, 128);
    small_case(check, 257, 480, 64);
    subnormal_case(check, 69, 96, 128);
    plain_case(check, GEMM_ADD, 1, 16, 64);
    plain_case(check, GEMM_ADD, 201, 96, 128);
    plain_case(check, GEMM_RELU, 5, 352, 192);
    plain_case(check, GEMM_GELU, 69, 352, 64);
    plain_case(check, GEMM_SWIGLU, 1, 32, 64);
    plain_case(check, GEMM_SWIGLU, 201, 352, 64);
    grouped_case(check, GEMM_EXACT, 3, 23, 1);
    grouped_case(check, GEMM_ADD, 1, 16, 5);
    grouped_case(check, GEMM_ADD, 3, 23, 5);
    heads_case(check, 1, 1, 1, 64);
    heads_case(check, 3, 2, 69, 128);
    heads_case(check, 1, 6, 201, 64);
    static const enum gemm_epilogue plain[] = {GEMM_EXACT, GEMM_ADD, GEMM_RELU, GEMM_GELU, GEMM_SWIGLU};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        plain_case(check, plain[i], 257, 480, 64);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        infinite_case(check, plain[i], 5, 96, 64);
    grouped_case(check, GEMM_ADD, 60, 23, 5);
    tiles_cases(check);
    sides_cases(check);
}
