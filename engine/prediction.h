/* Inside the engine: what becomes of a prediction. */
#ifndef CXRD_ENGINE_PREDICTION_H
#define CXRD_ENGINE_PREDICTION_H

#include "engine/engine.h"

/* Fails a prediction that holds a number that is not finite with NOT_FINITE: nobody may take it for
 * "negative". Its numbers are released; image, region and timing stay. `device` and `rung` are where it was
 * computed, for the sentence. Returns whether all its numbers are finite. */
bool prediction_check(const struct model_card *card, const char *device, const char *rung,
                      struct prediction *prediction);

/* Adds what a quality head says of the image to the quality of a prediction that has not failed. One that is
 * not acceptable fails where options->require_quality, and its numbers are released. */
void prediction_judge(const struct predict_options *options, struct prediction *prediction);

#endif
