/* The search for the fastest tile of each shape: what is measured in which order, within how much time.
 *
 * It knows no device: whoever searches says how a tile is measured and what time it is.
 */
#ifndef CXRD_ENGINE_KERNELS_TUNING_H
#define CXRD_ENGINE_KERNELS_TUNING_H

#include "engine/kernels/tile.h"

enum { TUNING_SHAPES_MAX = 384, TUNING_ROUNDS_MAX = 64 };

/* What was measured: the shapes come in rounds, each the shapes of one batch, the most important round first.
 */
struct tuning {
    struct tiled_shape shapes[TUNING_SHAPES_MAX];
    size_t shape_count;
    size_t round_ends[TUNING_ROUNDS_MAX]; /* the shapes before which a round ends */
    size_t round_count;
    double ms[TUNING_SHAPES_MAX][TILES_MAX]; /* 0: not measured */
};
/* Adds a shape to the last round, unless it is there already or there are too many; ends that round. */
void tuning_add(struct tuning *tuning, const struct tiled_shape *shape);
void tuning_end_round(struct tuning *tuning);

/* Which tile a shape got. */
struct tile_choice {
    struct tiled_shape shape;
    uint32_t tile;
};

struct tuning_probe {
    /* Which tiles of a kind may be measured, a bit each: all candidates but those that failed. */
    uint32_t (*usable)(void *context, uint32_t kind);
    /* Times one: `enough_ms` is a time over which it need not be known well. With DEVICE the tile is no
     * longer usable and the search goes on; any other failure ends it. */
    enum status (*measure)(void *context, const struct tiled_shape *shape, uint32_t tile, double enough_ms,
                           struct failure *failure, double *ms);
    /* What it costs to make the tile before, by what others have cost; 0: it is made. */
    double (*making_ms)(void *context, uint32_t kind, uint32_t tile);
    double (*now_ms)(void *context);
    void *context;
};

/* Measures rounds from the first up to `rounds` of them, tile by tile and each with every shape of the round,
 * until `end_ms` of the probe's clock: a measurement is begun only where, by what is known, it ends before.
 * `tiles`: only the first so many. What is measured already is left as it is. *whole says whether all was. */
WARN_UNUSED enum status tuning_search(struct tuning *tuning, const struct tuning_probe *probe, size_t rounds,
                                      uint32_t tiles, double end_ms, struct failure *failure, bool *whole);

/* The fastest tile of a shape among the usable ones; false where none was measured. */
bool tuning_best(const struct tuning *tuning, size_t shape, uint32_t usable, uint32_t *tile);
/* The sum of a round's shapes, each with its fastest tile; INFINITY where one was not measured. */
double tuning_round_ms(const struct tuning *tuning, size_t round);

#endif
