/* What the starts of this program learned of a device's rungs, kept in the device's cache folder for one
 * network, driver and set of shaders: which rung was taken, and which failed and why.
 *
 * What is about to be tried is written down before. If the process does not survive it, that is the next
 * start's evidence: a kernel that kills or hangs the process costs one start, not every start. Starts at the
 * same time on the same device take turns, so that none takes another's unfinished trial for a death.
 */
#ifndef CXRD_ENGINE_KERNELS_RECORD_H
#define CXRD_ENGINE_KERNELS_RECORD_H

#include "engine/base/json.h"
#include "engine/kernels/trial.h"

/* Opens the record of a device for one network, and waits for another process that has it open, a minute at
 * most. A device that keeps nothing on disk has a record for as long as it is open. The caller closes *out.
 */
struct rung_record;
struct rung_record *rung_record_open(const struct gpu_device *device, enum precision precision,
                                     const struct trial_shape *shape);
/* Nothing more is tried for now: others may start meanwhile. */
void rung_record_rest(struct rung_record *record);
/* What was being tried no longer is: the process lives. */
void rung_record_close(struct rung_record **record);

/* The name of the rung that was taken before; NULL: none was. Borrowed until the record changes. */
const char *rung_record_choice(const struct rung_record *record);
/* Why the rung is not to be tried, a sentence; NULL: nothing is known against it. Borrowed likewise. */
const char *rung_record_failure(const struct rung_record *record, enum rung rung);

void rung_record_try(struct rung_record *record, enum rung rung);
void rung_record_fail(struct rung_record *record, enum rung rung, const char *sentence);
/* The rung passed everything. */
void rung_record_choose(struct rung_record *record, enum rung rung);
/* The same of one tile of a rung's kernels, by its label (tune.h), which leaves the choice as it is; the
 * record may be NULL. */
const char *rung_record_tile_failure(const struct rung_record *record, const char *tile);
void rung_record_try_tile(struct rung_record *record, const char *tile);
void rung_record_fail_tile(struct rung_record *record, const char *tile, const char *sentence);
/* Whether the tile was held against the others on this device before, and that it was. */
bool rung_record_tile_proved(const struct rung_record *record, const char *tile);
void rung_record_prove_tile(struct rung_record *record, const char *tile);
/* Forgets all failures, which may have been of the moment. False when there are none, or none from before. */
bool rung_record_forgive(struct rung_record *record);
/* No rung passes: the fault may not be theirs, and the next start tries them again. */
void rung_record_clear(struct rung_record *record);

/* For `cxrd devices`: an array of {"rung", "reason", "network"} of all failures that hold for the device's
 * driver and these shaders; the caller destroys it. */
struct json *rung_record_failures(const char *cache_folder, const struct gpu_device_info *device);
/* Forgets all that is kept of the device; false, with errno, where that failed. */
bool rung_record_remove(const char *cache_folder, const struct gpu_device_info *device);

#endif
