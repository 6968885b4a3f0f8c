/* Predictions as the JSON of the contract. */
#ifndef CXRD_API_RESULT_H
#define CXRD_API_RESULT_H

#include "api/options.h"
#include "api/pictures.h"
#include "engine/base/json.h"

/* What a result needs to know beside the prediction. */
struct result_context {
    const struct model_card *card;
    const struct options *options;
    const char *request_id; /* the instance of an image's error */
    struct pictures pictures;
};

/* {"name", "version", "weights_sha256", "package_sha256", "intended_use"} */
struct json *result_model(const struct model_card *card);

/* Decoding and preparing go image by image; queue and network are shared by the batch. */
void result_add_timing(struct prediction_timing *sum, const struct prediction_timing *one);

/* The "image" of a result: of one that failed, as much as was known. */
struct json *result_image(const char *id, const char *profile, const struct prediction *prediction);

/* [{"system", "code"}] of a label. */
struct json *result_codes(const struct label *label);
/* Adds "calibration": {"scale", "offset"} when the label's probability is not the plain sigmoid. */
void result_add_calibration(struct json *object, const struct label *label);

/* One element of "predictions": {"image", "findings", "risk_scores", "attention_maps"}, with "flip" where
 * that was asked for, or {"image", "error"} when the image failed. Overlays need prediction->picture. Fails
 * as pictures_canvas and pictures_draw do. The caller owns *out. */
WARN_UNUSED enum status result_prediction(struct result_context *context, const char *id,
                                          const struct prediction *prediction, struct failure *failure,
                                          struct json **out);

#endif
