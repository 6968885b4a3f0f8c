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

/* The "image" of a result: of one that failed, as much as was known. `view`: NULL where none is said. */
struct json *result_image(const char *id, const char *profile, const char *view,
                          const struct prediction *prediction);

/* {"score", "acceptable", "reasons": [{"code", "detail"}]} */
struct json *result_quality(const struct quality *quality);
/* [{"system", "code"}] of a label. */
struct json *result_codes(const struct label *label);
/* Adds "calibration": {"scale", "offset"} when the label's probability is not the plain sigmoid. */
void result_add_calibration(struct json *object, const struct label *label);

/* One element of "predictions": {"image", "input_quality", "findings", "risk_scores", "attention_maps"}, with
 * "lateral_image", "lateral_input_quality", "views" and "flip" where they were asked for, or {"image",
 * "error"} when the study failed. ids: of its images, a second where pairing_images says so. Overlays need
 * prediction->picture, and images that are to be rendered prediction->render and lateral_render. Fails as
 * pictures_canvas and pictures_draw do. The caller owns *out. */
WARN_UNUSED enum status result_prediction(struct result_context *context, const char *const *ids,
                                          const struct prediction *prediction, struct failure *failure,
                                          struct json **out);

#endif
