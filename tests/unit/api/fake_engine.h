/* An engine without model and device: real images in, answers computed from their pixels out.
 *
 * Its `rung` option chooses how it behaves: "slow" takes a second for a prediction
 * unless its client has gone or its deadline passed, "loading" three seconds
 * to be created, "broken" fails to be, "full" has no room in its queue, "lost" has lost its device, "dead"
 * for good, "stuck" makes no progress, "headless" has no heads, "views" has one of two views besides. With
 * "batched:N" images go in batches of max_batch (8) to a device that takes N ms for each (fake_device.h).
 * With lose_device_after N the request number N finds its device lost, as do those of FAKE_LOST_MS from then
 * on.
 */
#ifndef CXRD_TESTS_UNIT_API_FAKE_ENGINE_H
#define CXRD_TESTS_UNIT_API_FAKE_ENGINE_H

#include "engine/engine.h"

enum { FAKE_GRID = 4, FAKE_SIDE = 64, FAKE_WIDTH = 64, FAKE_SLOW_CAPACITY = 4, FAKE_LOST_MS = 3000 };

/* An image of this width and of this height plus 0 to 5 gets an answer of which one number is not finite, by
 * turns NaN and infinity: a logit, a probability, an attention weight (of "area_lost"), one of its class
 * token, of the mean, of the patch tokens if they are wanted. */
enum { FAKE_NOT_FINITE_WIDTH = 97, FAKE_NOT_FINITE_HEIGHT = 80, FAKE_NOT_FINITE_PLACES = 6 };
/* An image of this width fails with a fault of the device, of which a client is not told. */
enum { FAKE_FAULT_WIDTH = 98 };

/* Heads: "findings" (GLoRI: Normal, Edema, Mass, Nodule), "cardiac" (a GLoRI risk: area_lost), "extra"
 * (linear: Tuberculosis, calibrated), with "views" also "paired" (linear, of two views: Effusion, whose logit
 * is mean pixel / 255 of the frontal and twice that of the lateral). Label number i of all has the logit i -
 * 2 + mean pixel / 255, but Edema's is 0.5 more; thresholds are 0.9, so that nothing is positive but
 * Tuberculosis. Label i's attention peaks in cell i, and with flip as much in the cell that is as far from
 * the other end of its row. The class token's value i is i + mean pixel / 255, the mean's 0.5 more; patch
 * token p is the class token plus 100 p. */

#endif
