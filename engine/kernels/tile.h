/* Tiles: the ways in which a rung's GEMM and attention can be cut up, of which each device takes its own.
 *
 * A rung has a table of candidates for both. They differ in specialisation constants, and so in shared
 * memory, in workgroups and in the size of subgroups they ask for; never in a result. Each adds an element's
 * products up in the order of K and a row's keys in steps of one size, so that all give the same bits, and
 * which is taken is a matter of speed alone: it may depend on the batch, on what was measured, on a file that
 * was copied. That they do is checked on the device before one is used (trial.h). Nothing splits K, since
 * then the number of parts would decide the bits.
 */
#ifndef CXRD_ENGINE_KERNELS_TILE_H
#define CXRD_ENGINE_KERNELS_TILE_H

#include "engine/gpu/device.h"
#include "engine/kernels/rung.h"
#include "shaders/params/gemm.h"

enum {
    TILES_MAX = 12,
    TILED_ATTENTION = GEMM_EPILOGUE_COUNT, /* the kinds of tiled kernels: a GEMM by its epilogue, or this */
    TILED_KINDS,
    TILE_NAME_BYTES = 40,
    TILED_NAME_BYTES = 64
};

/* How a kernel is built: its shader with these constants. */
struct variant {
    char name[TILE_NAME_BYTES]; /* of a tile: "128x128x32 by 64x64" */
    const char *shader;         /* its name in the catalogue */
    uint32_t rows, columns;     /* that a workgroup makes */
    uint32_t constants[12], constant_count;
    uint32_t subgroup_size; /* as in struct gpu_pipeline_options */
    uint32_t family;        /* tiles of one family give the same bits; the first one's is the candidates' */
};

/* Those a device can run, the one that is taken where nothing was measured first. */
struct tiles {
    struct variant list[TILES_MAX];
    uint32_t count;
};
void tiles_add(struct tiles *tiles, const struct variant *tile);

/* What a tile is chosen for: a product of m x k times k x n, or attention of m images, n heads, k tokens. */
struct tiled_shape {
    uint32_t kind;
    uint32_t m, n, k;
};
double tiled_operations(const struct tiled_shape *shape);
/* "swiglu 8232x5504x1024", "attention 8x16x1029". */
void tiled_name(const struct tiled_shape *shape, char name[TILED_NAME_BYTES]);
/* False when it is no such name. */
bool tiled_read(const char *name, struct tiled_shape *out);
/* How far apart two shapes are, 0 for the same; those of products and of attention have nothing in common. */
double tiled_distance(const struct tiled_shape *a, const struct tiled_shape *b);
bool tiled_equal(const struct tiled_shape *a, const struct tiled_shape *b);

const char *gemm_epilogue_name(enum gemm_epilogue epilogue); /* "exact", ... */

#endif
