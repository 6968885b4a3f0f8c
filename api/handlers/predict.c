#include "api/handlers/handlers.h"
#include "api/input.h"
#include "api/result.h"
#include "engine/base/clock.h"

#include <math.h>
#include <stdlib.h>

static struct json *timing_json(const struct prediction_timing *timing, double total_ms)
{
    const struct {
        const char *name;
        double ms;
    } stages[] = {{"decode", timing->decode_ms},
                  {"preprocess", timing->preprocess_ms},
                  {"queue", timing->queue_ms},
                  {"inference", timing->inference_ms},
                  {"total", total_ms}};
    struct json *object = json_object();
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        json_add_number(object, stages[i].name, round(stages[i].ms * 1000) / 1000);
    return object;
}

struct work {
    struct engine *engine;
    const struct api_request *request;
    const struct input *input;
    struct result_context context;
    struct prediction_timing timing;
};

/* Predicts `count` images from `first` on and appends their results. */
static enum status predict_group(struct work *work, size_t first, size_t count, struct failure *failure,
                                 struct json *results)
{
    struct prediction *predictions = memory_allocate(count, sizeof *predictions);
    struct predict_options options = {.keep_pixels = work->context.options->attention == ATTENTION_OVERLAY,
                                      .deadline_ns = work->request->deadline_ns,
                                      .gone = work->request->gone,
                                      .client = work->request->client};
    enum status status =
        engine_predict(work->engine, work->input->images + first, count, &options, failure, predictions);
    for (size_t i = 0; !status && i < count; i++) {
        struct json *result = NULL;
        result_add_timing(&work->timing, &predictions[i].timing);
        if (predictions[i].failure.status && work->input->count == 1) {
            *failure = predictions[i].failure; /* a request's only image answers for the request */
            status = failure->status;
        } else {
            status = result_prediction(&work->context, work->input->ids[first + i], &predictions[i], failure,
                                       &result);
        }
        if (!status)
            json_append(results, result);
        prediction_finish(&predictions[i]);
        for (size_t rest = i + 1; status && rest < count; rest++)
            prediction_finish(&predictions[rest]);
    }
    free(predictions);
    return status;
}

/* Overlays need decoded pixels, up to 300 MB an image, so those images go one after the other. */
static enum status predict_all(struct work *work, struct failure *failure, struct json *results)
{
    size_t group = work->context.options->attention == ATTENTION_OVERLAY ? 1 : work->input->count;
    enum status status = STATUS_OK;
    for (size_t first = 0; first < work->input->count && !status; first += group)
        status = predict_group(work, first, group, failure, results);
    return status;
}

static enum status choose_engine(struct api *api, const struct api_request *request,
                                 const struct input *input, struct failure *failure, struct engine **out)
{
    const char *model = NULL;
    enum status status = option_value(&input->options, "model", failure, &model);
    if (!status)
        status = service_engine(api, request->arena, model, STATUS_BAD_REQUEST, failure, out);
    return status;
}

static enum status predict(struct work *work, struct failure *failure, struct json **out)
{
    const struct api_request *request = work->request;
    const struct model_card *card = work->context.card;
    struct json *root = json_object();
    json_add_text(root, "request_id", request->id);
    json_add(root, "model", result_model(card));
    struct json *results = json_add(root, "predictions", json_array());
    enum status status = predict_all(work, failure, results);
    if (status) {
        json_destroy(&root);
        return status;
    }
    json_add(root, "timing_ms", timing_json(&work->timing, clock_elapsed_ms(request->received_ns)));
    *out = root;
    return STATUS_OK;
}

void handle_predict(struct api *api, const struct api_request *request, const struct arguments *arguments,
                    struct api_response *response)
{
    (void)arguments;
    struct failure failure = {0};
    struct options options;
    struct input *input = arena_allocate(request->arena, 1, sizeof *input);
    struct work work = {.request = request,
                        .input = input,
                        .context = {.options = &options,
                                    .request_id = request->id,
                                    .picture_bytes_left = API_PICTURE_BYTES_MAX}};
    struct json *root = NULL;
    /* api_admit has asked whether work is taken; what it let in is answered, also while the service stops. */
    enum status status = input_read(request, &failure, input);
    if (!status)
        status = choose_engine(api, request, input, &failure, &work.engine);
    if (!status) {
        work.context.card = engine_card(work.engine);
        status = options_resolve(request->arena, work.context.card, &input->options, &failure, &options);
    }
    if (!status)
        status = predict(&work, &failure, &root);
    if (status)
        respond_failure(request, &failure, response);
    else
        respond_json(response, 200, &root);
    response->images = input->count;
    response->timing = work.timing;
}
