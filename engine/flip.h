/* Flip test-time augmentation: an image and its left-right mirror are both predicted, and the answer is the
 * mean of the two.
 *
 * What is mirrored is the network's prepared input, so that both passes see the same pixels with the same
 * range, and logits are averaged, not probabilities. Means are summed in float64 and rounded to float32 once,
 * so that an image and its mirror have the same bits, and no company in a batch matters.
 */
#ifndef CXRD_ENGINE_FLIP_H
#define CXRD_ENGINE_FLIP_H

#include "engine/model/queue.h"
#include "engine/package/card.h"

/* Exchanges left and right: out[rows][columns][3] of RGB pixels of the same shape, which do not overlap. */
void flip_pixels(const uint8_t *pixels, size_t rows, size_t columns, uint8_t *out);

/* values[i] becomes the mean with mirrored[i]. True when all of `mirrored` are finite. */
bool flip_mean(float *values, const float *mirrored, size_t count);
/* The same of `count` maps [rows][columns], those of the mirrored image mirrored back. */
bool flip_mean_maps(float *maps, const float *mirrored, size_t count, size_t rows, size_t columns);

/* Fails with TOO_LARGE when `count` images, of which each needs two places with `flip`, never find room in a
 * queue of `places`. */
WARN_UNUSED enum status flip_check(bool flip, size_t count, size_t places, struct failure *failure);

/* Makes `answer` that of both passes and releases the mirrored image's: logits and maps are means, times the
 * longer of both, and where the mirrored pass has a number that is not finite the device is its own. The
 * embedding stays that of the image as it is. */
void flip_merge(const struct model_card *card, struct answer *answer, struct answer *mirrored);

#endif
