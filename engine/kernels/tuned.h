/* What was measured of tiles on one model of device, kept in a cache folder beside its pipelines: for a
 * driver, a set of shaders and a rung how long each tile took of each shape.
 *
 * The file is named after the model of the device, not after the one at hand: equal machines may share a
 * copy. It decides nothing but speed, and tiles that it names are checked before they are used (tile.h).
 */
#ifndef CXRD_ENGINE_KERNELS_TUNED_H
#define CXRD_ENGINE_KERNELS_TUNED_H

#include "engine/kernels/kernels.h"
#include "engine/kernels/tuning.h"

enum { TUNED_NETWORKS_MAX = 64 };

/* Where it lies: "FOLDER/tiles-VENDOR-DEVICE.cache", which the caller frees; NULL without a folder. */
char *tuned_path(const char *cache_folder, const struct gpu_device_info *device);

/* Fills in what the file says of the tuning's shapes and adds, behind its rounds, those that differ from one
 * of them in the batch alone. Returns whether the network was tuned: what is missing was left out for want of
 * time, or another network's. A damaged file is said to be in the log, and holds nothing. */
bool tuned_read(const char *cache_folder, const struct kernels *kernels, const char *network,
                struct tuning *tuning);
/* Adds what was measured to the file, whole or not at all, and that the network was tuned; trouble is logged.
 */
void tuned_write(const char *cache_folder, const struct kernels *kernels, const char *network,
                 const struct tuning *tuning);
/* How many shapes are known of a rung of the device, with its driver and these shaders. */
size_t tuned_count(const char *cache_folder, const struct gpu_device_info *device, enum rung rung);
/* Forgets all that is kept of the device's model; false, with errno, where that failed. */
bool tuned_remove(const char *cache_folder, const struct gpu_device_info *device);

#endif
