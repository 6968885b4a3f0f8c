#include "api/handlers/images.h"

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

enum status images_begin(struct api *api, const struct api_request *request, const char *const *known,
                         struct failure *failure, struct image_work *work)
{
    const char *model = NULL;
    struct input *input = arena_allocate(request->arena, 1, sizeof *input);
    work->request = request;
    work->input = input;
    work->options.deadline_ns = request->deadline_ns;
    work->options.gone = request->gone;
    work->options.client = request->client;
    /* api_admit has asked whether work is taken; what it let in is answered, also while the service stops. */
    enum status status = input_read(request, known, failure, input);
    if (!status)
        status = option_value(&input->options, "model", failure, &model);
    if (!status)
        status = service_engine(api, request->arena, model, STATUS_BAD_REQUEST, failure, &work->engine);
    return status;
}

/* Predicts `count` images from `first` on and appends their results. */
static enum status predict_group(struct image_work *work, size_t first, size_t count, struct failure *failure,
                                 struct json *results)
{
    struct prediction *predictions = memory_allocate(count, sizeof *predictions);
    enum status status = engine_predict(work->engine, work->input->images + first, count, &work->options,
                                        failure, predictions);
    for (size_t i = 0; !status && i < count; i++) {
        struct json *result = NULL;
        result_add_timing(&work->timing, &predictions[i].timing);
        if (predictions[i].failure.status && work->input->count == 1) {
            *failure = predictions[i].failure; /* a request's only image answers for the request */
            status = failure->status;
        } else {
            status =
                work->result(work->context, work->input->ids[first + i], &predictions[i], failure, &result);
        }
        if (!status)
            status = arena_charge(work->request->arena, json_print_size(result), failure); /* as it is now */
        if (status)
            json_destroy(&result);
        else
            json_append(results, result);
        prediction_finish(&predictions[i]);
        for (size_t rest = i + 1; status && rest < count; rest++)
            prediction_finish(&predictions[rest]);
    }
    free(predictions);
    return status;
}

enum status images_predict(struct image_work *work, struct failure *failure, struct json **out)
{
    const struct api_request *request = work->request;
    size_t count = work->input->count, group = work->group ? work->group : count;
    enum status status = STATUS_OK;
    struct json *root = json_object();
    json_add_text(root, "request_id", request->id);
    json_add(root, "model", result_model(engine_card(work->engine)));
    struct json *results = json_add(root, work->results, json_array());
    for (size_t first = 0; first < count && !status; first += group)
        status = predict_group(work, first, group, failure, results);
    if (status) {
        json_destroy(&root);
        return status;
    }
    json_add(root, "timing_ms", timing_json(&work->timing, clock_elapsed_ms(request->received_ns)));
    *out = root;
    return STATUS_OK;
}

void images_respond(const struct image_work *work, const struct failure *failure, struct json **root,
                    struct api_response *response)
{
    struct failure own = *failure;
    if (own.status || respond_large(work->request, response, *root, 0, &own, NULL))
        respond_failure(work->request, &own, response);
    json_destroy(root);
    input_finish(work->input);
    response->images = work->input->count;
    response->timing = work->timing;
}
