/* POST /predict: findings, risk scores and attention maps. */
#include "api/handlers/handlers.h"
#include "api/handlers/images.h"
#include "api/result.h"
#include "api/views.h"

static enum status make_result(void *context, const char *const *ids, const struct prediction *prediction,
                               struct failure *failure, struct json **out)
{
    return result_prediction(context, ids, prediction, failure, out);
}

/* The images that maps are drawn of: one of each study. */
static const struct bytes *frontals_of(const struct image_job *job, size_t *count)
{
    const size_t views = pairing_images(job->options.pairing);
    *count = job->input->count / views;
    struct bytes *frontals = arena_allocate(job->request->arena, *count, sizeof *frontals);
    for (size_t i = 0; i < *count; i++)
        frontals[i] = job->input->images[i * views];
    return frontals;
}

/* Predicts with maps that are to be drawn, which is done outside the gate: no prediction waits for it. */
static enum status predict_and_draw(struct api *api, struct image_job *job, struct result_context *context,
                                    struct failure *failure, struct api_response *response, struct json **out)
{
    const struct options *options = context->options;
    size_t kept_bytes = 0, count = 0;
    const struct bytes *frontals = frontals_of(job, &count);
    enum status status =
        pictures_expect(&context->pictures, options, context->card, frontals, count, failure, &kept_bytes);
    if (status)
        return status;
    job->options.keep_side = options->attention == ATTENTION_OVERLAY ? options->picture_side : 0;
    status = images_predict(job, failure);
    service_leave_gate(api, response);
    if (!status)
        status = images_results(job, failure, out);
    arena_refund(job->request->arena, kept_bytes);
    return status;
}

void handle_predict(struct api *api, const struct api_request *request, const struct arguments *arguments,
                    struct api_response *response)
{
    (void)arguments;
    struct failure failure = {0};
    struct options options;
    struct image_job job = {.results = "predictions", .result = make_result};
    struct result_context context = {.options = &options,
                                     .request_id = request->id,
                                     .pictures = {.patience = &job.options.patience,
                                                  .turns = &api->turns,
                                                  .arena = request->arena,
                                                  .pixels_left = API_PICTURE_PIXELS_MAX,
                                                  .bytes_left = API_PICTURE_BYTES_MAX}};
    struct json *root = NULL;
    job.context = &context;
    enum status status = images_begin(api, request, predict_option_names, &failure, &job);
    if (!status) {
        context.card = engine_card(job.engine);
        status = options_resolve(request->arena, context.card, &job.input->options, &failure, &options);
    }
    if (!status)
        status = views_count(request->arena, options.pairing, job.input->ids, job.input->count, &failure);
    if (!status)
        status = service_weigh(api, response, options_draw(&options), job.input->images, job.input->count,
                               &failure);
    if (!status) {
        job.options.pairing = options.pairing;
        job.options.image = options.image;
        job.options.require_quality = options.require_quality;
    }
    if (!status && options.flip) {
        job.options.flip = true;
        service_count_twice(api, response);
    }
    if (!status && options_draw(&options))
        status = predict_and_draw(api, &job, &context, &failure, response, &root);
    else if (!status && !(status = images_predict(&job, &failure)))
        status = images_results(&job, &failure, &root);
    (void)status; /* the failure has it */
    images_respond(&job, &failure, &root, response);
}
