/* POST /predict: findings, risk scores and attention maps. */
#include "api/handlers/handlers.h"
#include "api/handlers/images.h"
#include "api/result.h"

static enum status make_result(void *context, const char *id, const struct prediction *prediction,
                               struct failure *failure, struct json **out)
{
    return result_prediction(context, id, prediction, failure, out);
}

void handle_predict(struct api *api, const struct api_request *request, const struct arguments *arguments,
                    struct api_response *response)
{
    (void)arguments;
    struct failure failure = {0};
    struct options options;
    struct result_context context = {
        .options = &options, .request_id = request->id, .picture_bytes_left = API_PICTURE_BYTES_MAX};
    struct image_work work = {.results = "predictions", .result = make_result, .context = &context};
    struct json *root = NULL;
    enum status status = images_begin(api, request, predict_option_names, &failure, &work);
    if (!status) {
        context.card = engine_card(work.engine);
        status = options_resolve(request->arena, context.card, &work.input->options, &failure, &options);
    }
    if (!status) {
        /* Overlays need decoded pixels, up to 300 MB an image, so those images go one after the other. */
        bool overlay = options.attention == ATTENTION_OVERLAY;
        work.options.keep_pixels = overlay;
        work.group = overlay ? 1 : 0;
        status = images_predict(&work, &failure, &root);
    }
    (void)status; /* the failure has it */
    images_respond(&work, &failure, &root, response);
}
