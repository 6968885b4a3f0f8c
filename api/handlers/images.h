/* What the routes that take images have in common: images in, a result for each study of them out. */
#ifndef CXRD_API_HANDLERS_IMAGES_H
#define CXRD_API_HANDLERS_IMAGES_H

#include "api/input.h"
#include "api/service.h"
#include "engine/base/json.h"

/* A request with its images, on their way through an engine. */
struct image_job {
    struct engine *engine;
    const struct api_request *request;
    struct input *input;
    struct predict_options options; /* deadline and client are filled in */
    const char *results;            /* the name of the array of results */
    /* Makes a prediction's result, that of a failed one too; result_prediction and the like. */
    enum status (*result)(void *context, const char *const *ids, const struct prediction *prediction,
                          struct failure *failure, struct json **out);
    void *context;
    struct prediction *predictions; /* from images_predict to images_results */
    struct prediction_timing timing;
    size_t failed; /* images, after images_predict */
};

/* Starts the work on a request: reads its images, and its options of the names `known`, and finds the engine
 * of the option "model". Fails as input_read and service_engine do. */
WARN_UNUSED enum status images_begin(struct api *api, const struct api_request *request,
                                     const char *const *known, struct failure *failure,
                                     struct image_job *job);

/* Predicts all images. A request's only study answers for the request when it fails. Fails as engine_predict
 * does. */
WARN_UNUSED enum status images_predict(struct image_job *job, struct failure *failure);

/* Makes {"request_id", "model", RESULTS, "timing_ms"} of the predictions, each of which it releases as soon
 * as its result is made. The caller owns *out. */
WARN_UNUSED enum status images_results(struct image_job *job, struct failure *failure, struct json **out);

/* Answers with *root, which it destroys, or with the failure when there is one, and releases the input. */
void images_respond(const struct image_job *job, const struct failure *failure, struct json **root,
                    struct api_response *response);

#endif
