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

/* Predicts with pictures that are to be drawn, which is done outside the gate: no prediction waits for it. */
static enum status predict_and_draw(struct api *api, struct image_job *job, struct result_context *context,
                                    struct failure *failure, struct api_response *response, struct json **out)
{
    const struct options *options = context->options;
    size_t kept_bytes = 0;
    enum status status = pictures_expect(&context->pictures, options, context->card, job->input->images,
                                         job->input->count, failure, &kept_bytes);
    if (status)
        return status;
    job->options.keep_side = options->attention == ATTENTION_OVERLAY ? options->picture_side : 0;
    job->options.render_side = options->render_side;
    status = images_predict(job, failure);
    service_leave_gate(api, response);
    if (!status)
        status = images_results(job, failure, out);
    arena_refund(job->request->arena, kept_bytes);
    return status;
}

/* Where maps and pictures do not leave, an answer has none, and who asks for them is told. */
static enum status check_withheld(const struct api *api, const struct option_list *given,
                                  struct failure *failure, struct options *options)
{
    if (!api->withholds_pictures)
        return STATUS_OK;
    const bool asked = option_find(given, "attention") || option_find(given, "attention_for");
    if (options->render_side || (asked && options->attention != ATTENTION_NONE))
        return pictures_withheld(failure);
    options->attention = ATTENTION_NONE;
    return STATUS_OK;
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
        status = check_withheld(api, &job.input->options, &failure, &options);
    if (!status)
        status = views_count(request->arena, options.pairing, job.input->ids, job.input->count, &failure);
    if (!status)
        status = service_weigh(api, response, options_picture(&options), job.input->images, job.input->count,
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
    if (!status && options_picture(&options))
        status = predict_and_draw(api, &job, &context, &failure, response, &root);
    else if (!status && !(status = images_predict(&job, &failure)))
        status = images_results(&job, &failure, &root);
    (void)status; /* the failure has it */
    images_respond(&job, &failure, &root, response);
}
