/* A device that takes the same time for every batch and needs no core, behind the real queue: what the rest
 * of the service makes of a device that computes by itself. */
#ifndef CXRD_TESTS_UNIT_API_FAKE_DEVICE_H
#define CXRD_TESTS_UNIT_API_FAKE_DEVICE_H

#include "engine/engine.h"

enum { FAKE_QUEUE = 256 };

struct fake_device;
struct fake_device *fake_device_create(uint32_t max_batch, uint32_t batch_ms);
void fake_device_destroy(struct fake_device **device);
/* Waits for `count` images to be done. Fails as queue_run does. */
WARN_UNUSED enum status fake_device_run(struct fake_device *device, size_t count,
                                        const struct predict_options *options, struct failure *failure,
                                        struct prediction_timing *timing);
/* Adds what it did, and what waits. */
void fake_device_statistics(struct fake_device *device, struct engine_statistics *out);

#endif
