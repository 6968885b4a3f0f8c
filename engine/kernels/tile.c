#include "engine/kernels/tile.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[TILED_KINDS] = {
    [GEMM_EXACT] = "exact",   [GEMM_ADD] = "add",     [GEMM_RELU] = "relu",           [GEMM_GELU] = "gelu",
    [GEMM_SWIGLU] = "swiglu", [GEMM_HEADS] = "heads", [TILED_ATTENTION] = "attention"};

const char *gemm_epilogue_name(enum gemm_epilogue epilogue)
{
    return kind_names[epilogue];
}

void tiles_add(struct tiles *tiles, const struct variant *tile)
{
    assert(tiles->count < TILES_MAX);
    tiles->list[tiles->count++] = *tile;
}

double tiled_operations(const struct tiled_shape *shape)
{
    if (shape->kind == TILED_ATTENTION)
        return 4.0 * HEAD_SIZE * shape->m * shape->n * shape->k * shape->k;
    return 2.0 * shape->m * shape->n * shape->k;
}

void tiled_name(const struct tiled_shape *shape, char name[TILED_NAME_BYTES])
{
    snprintf(name, TILED_NAME_BYTES, "%s %" PRIu32 "x%" PRIu32 "x%" PRIu32, kind_names[shape->kind], shape->m,
             shape->n, shape->k);
}

bool tiled_read(const char *name, struct tiled_shape *out)
{
    char kind[16], again[TILED_NAME_BYTES];
    struct tiled_shape shape = {0};
    if (sscanf(name, "%15[a-z] %" SCNu32 "x%" SCNu32 "x%" SCNu32, kind, &shape.m, &shape.n, &shape.k) != 4)
        return false;
    while (shape.kind < TILED_KINDS && strcmp(kind_names[shape.kind], kind))
        shape.kind++;
    if (shape.kind == TILED_KINDS || !shape.m || !shape.n || !shape.k)
        return false;
    tiled_name(&shape, again);
    if (strcmp(again, name))
        return false;
    *out = shape;
    return true;
}

static double apart(uint32_t a, uint32_t b)
{
    return fabs(log((double)a / b));
}

double tiled_distance(const struct tiled_shape *a, const struct tiled_shape *b)
{
    if ((a->kind == TILED_ATTENTION) != (b->kind == TILED_ATTENTION))
        return INFINITY;
    return apart(a->m, b->m) + apart(a->n, b->n) + apart(a->k, b->k) + (a->kind == b->kind ? 0 : 1e-3);
}

bool tiled_equal(const struct tiled_shape *a, const struct tiled_shape *b)
{
    return a->kind == b->kind && a->m == b->m && a->n == b->n && a->k == b->k;
}
