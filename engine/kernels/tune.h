/* Tuning a set of kernels on its device: its tiles are checked, timed, and the fastest of each shape is
 * taken. */
#ifndef CXRD_ENGINE_KERNELS_TUNE_H
#define CXRD_ENGINE_KERNELS_TUNE_H

#include "engine/kernels/record.h"
#include "engine/kernels/tuning.h"

/* What a start measures at most of all rungs together; on a CPU driver nothing, where compiling one tile
 * takes longer than it gains. */
enum { TUNING_GPU_MS = 5000, TUNING_CPU_MS = 0, NETWORK_NAME_BYTES = 96, TILE_LABEL_BYTES = 96 };

/* The shapes of a network's blocks and of its patch embedding: for its batch, for one image, and for the
 * powers of two between; or for every size of batch. Other products take the tile of the nearest of them. */
void tuning_plan(const struct trial_shape *shape, bool every_batch, struct tuning *out);

struct tuner;
/* Tunes `kernels` for the shapes of `results`, where it leaves what it measures; both live longer. What is
 * tried is noted in the record, which may be NULL, and what failed before is passed over. */
struct tuner *tuner_create(struct kernels *kernels, struct tuning *results, struct rung_record *record);
/* Not after TIMEOUT. */
void tuner_destroy(struct tuner **tuner);

/* tuning_search for `budget_ms` from now. Where there is no memory for it nothing is measured. Fails with
 * DEVICE_LOST and TIMEOUT, with the tile at hand noted as their cause; tuner_blamed says whether it is
 * another than those the kernels were made with. */
WARN_UNUSED enum status tuner_search(struct tuner *tuner, size_t rounds, uint32_t tiles, double budget_ms,
                                     struct failure *failure, bool *whole);
bool tuner_blamed(const struct tuner *tuner);
/* Makes the kernels take the fastest tile of each shape, of those that give the same bits as the default ones
 * in every kind of product; lets go of the others. Fails as tuner_search. */
WARN_UNUSED enum status tuner_settle(struct tuner *tuner, struct failure *failure);
/* Which tiles of a kind may be taken, a bit each. */
uint32_t tuner_usable(const struct tuner *tuner, uint32_t kind);

#endif
