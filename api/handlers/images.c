#include "api/handlers/images.h"

#include "api/problem.h"
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
                         struct failure *failure, struct image_job *job)
{
    const char *model = NULL;
    struct input *input = arena_allocate(request->arena, 1, sizeof *input);
    job->request = request;
    job->input = input;
    job->options.patience = (struct patience){request->deadline_ns, request->gone, request->client};
    /* api_admit has asked whether work is taken; what it let in is answered, also while the service stops. */
    enum status status = input_read(request, known, failure, input);
    if (!status)
        status = option_value(&input->options, "model", failure, &model);
    if (!status)
        status = service_engine(api, request->arena, model, STATUS_BAD_REQUEST, failure, &job->engine);
    return status;
}

static size_t study_count(const struct image_job *job)
{
    return job->input->count / pairing_images(job->options.pairing);
}

static void finish(struct image_job *job)
{
    for (size_t i = 0; i < study_count(job); i++)
        prediction_finish(&job->predictions[i]);
    free(job->predictions);
    job->predictions = NULL;
}

enum status images_predict(struct image_job *job, struct failure *failure)
{
    size_t count = study_count(job);
    job->predictions = memory_allocate(count, sizeof *job->predictions);
    enum status status = engine_predict(job->engine, job->input->images, job->input->count, &job->options,
                                        failure, job->predictions);
    for (size_t i = 0; !status && i < count; i++) {
        result_add_timing(&job->timing, &job->predictions[i].timing);
        job->failed += job->predictions[i].failure.status ? pairing_images(job->options.pairing) : 0;
    }
    if (!status && count == 1 && job->predictions[0].failure.status) {
        *failure = job->predictions[0].failure;
        status = failure->status;
    }
    if (status)
        finish(job);
    return status;
}

enum status images_results(struct image_job *job, struct failure *failure, struct json **out)
{
    const struct api_request *request = job->request;
    enum status status = STATUS_OK;
    struct json *root = json_object();
    json_add_text(root, "request_id", request->id);
    json_add(root, "model", result_model(engine_card(job->engine)));
    struct json *results = json_add(root, job->results, json_array());
    for (size_t i = 0; i < study_count(job) && !status; i++) {
        const char *const *ids = job->input->ids + i * pairing_images(job->options.pairing);
        struct json *result = NULL;
        problem_hide(&job->predictions[i].failure, request->id);
        status = job->result(job->context, ids, &job->predictions[i], failure, &result);
        if (!status)
            status = arena_charge(request->arena, json_print_size(result), failure); /* as it is now */
        if (status)
            json_destroy(&result);
        else
            json_append(results, result);
        prediction_finish(&job->predictions[i]);
    }
    finish(job);
    json_add(root, "timing_ms", timing_json(&job->timing, clock_elapsed_ms(request->received_ns)));
    if (status)
        json_destroy(&root);
    else
        *out = root;
    return status;
}

void images_respond(const struct image_job *job, const struct failure *failure, struct json **root,
                    struct api_response *response)
{
    struct failure own = *failure;
    if (own.status || respond_large(job->request, response, *root, 0, &own, NULL))
        respond_failure(job->request, &own, response);
    json_destroy(root);
    input_finish(job->input);
    response->images = job->input->count;
    response->images_failed = job->failed;
    response->timing = job->timing;
}
