/* POST .../infer of the Open Inference Protocol v2. */
#include "api/infer.h"
#include "api/handlers/handlers.h"
#include "api/result.h"
#include "api/tensors.h"
#include "api/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are sent as they lie in memory");

/* The tensor of a name, NULL when there is none. */
static const struct tensor *find_tensor(const struct tensor_list *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (!strcmp(all->items[i].name, name))
            return &all->items[i];
    return NULL;
}

static enum status unknown_output(struct arena *arena, const struct tensor_list *all, const char *name,
                                  struct failure *failure)
{
    const char **names = arena_allocate(arena, all->count, sizeof *names);
    for (size_t i = 0; i < all->count; i++)
        names[i] = all->items[i].name;
    return failure_set(failure, STATUS_BAD_REQUEST, "Unknown output '%s'; there are: %s.",
                       text_quote(arena, name, 60), text_join(arena, names, all->count, 150));
}

/* What is asked for by name, each once; probabilities and logits when nothing is. */
static enum status choose_tensors(struct arena *arena, const struct model_card *card,
                                  const struct infer_request *asked, struct failure *failure,
                                  struct tensor_list *out)
{
    struct tensor_list all = tensors_of(arena, card, asked->count);
    size_t values = 0, printed = 0, most = asked->output_count ? asked->output_count : all.count;
    *out = (struct tensor_list){arena_allocate(arena, most, sizeof *out->items), 0};
    for (size_t i = 0; i < all.count && !asked->outputs; i++)
        if (all.items[i].kind < TENSOR_ATTENTION) {
            out->items[out->count] = all.items[i];
            out->items[out->count++].binary = asked->binary;
        }
    for (size_t i = 0; i < asked->output_count; i++) {
        const struct tensor *tensor = find_tensor(&all, asked->outputs[i].name);
        if (!tensor)
            return unknown_output(arena, &all, asked->outputs[i].name, failure);
        if (find_tensor(out, tensor->name))
            return failure_set(failure, STATUS_BAD_REQUEST, "The output '%s' is asked for twice.",
                               text_quote(arena, tensor->name, 60));
        out->items[out->count] = *tensor;
        out->items[out->count++].binary = asked->outputs[i].binary;
    }
    for (size_t i = 0; i < out->count; i++) {
        values += out->items[i].shape[0] * out->items[i].values;
        printed += out->items[i].binary ? 0 : out->items[i].shape[0] * out->items[i].values;
    }
    if (values > TENSOR_VALUES_MAX || printed > TENSOR_JSON_VALUES_MAX)
        return failure_set(
            failure, STATUS_TOO_LARGE,
            "The outputs would be over %d values (%d as JSON); ask for fewer images or outputs, or "
            "for \"binary_data\".",
            TENSOR_VALUES_MAX, TENSOR_JSON_VALUES_MAX);
    return STATUS_OK;
}

/* Predicts all images; one that fails answers for the request, since tensors have no place for errors. */
static enum status predict(struct engine *engine, const struct api_request *request,
                           const struct infer_request *asked, const struct tensor_list *tensors,
                           struct failure *failure, struct prediction_timing *timing,
                           struct prediction *predictions)
{
    struct predict_options options = {.patience = {request->deadline_ns, request->gone, request->client}};
    for (size_t i = 0; i < tensors->count; i++)
        options.patches = options.patches || tensors->items[i].kind == TENSOR_PATCH;
    enum status status = engine_predict(engine, asked->images, asked->count, &options, failure, predictions);
    for (size_t i = 0; i < asked->count && !status; i++)
        result_add_timing(timing, &predictions[i].timing);
    size_t bad = 0;
    while (!status && bad < asked->count && !predictions[bad].failure.status)
        bad++;
    if (!status && bad < asked->count) {
        *failure = predictions[bad].failure;
        status = asked->count > 1 ? failure_prefix(failure, "Image %zu", bad) : failure->status;
        for (size_t i = 0; i < asked->count; i++)
            prediction_finish(&predictions[i]);
    }
    return status;
}

/* Answers with the JSON and what goes behind it. */
static void respond_tensors(const struct api_request *request, struct api_response *response,
                            struct json **root, const struct buffer *behind)
{
    respond_json(response, 200, root);
    if (!behind->size)
        return;
    size_t header = response->body.size;
    char *joined = memory_resize(response->owned, header + behind->size, 1);
    memcpy(joined + header, behind->data, behind->size);
    response->owned = joined;
    response->body = (struct bytes){(const uint8_t *)joined, header + behind->size};
    response->content_type = "application/octet-stream";
    respond_header(response, "Inference-Header-Content-Length", arena_format(request->arena, "%zu", header));
}

static void respond_predictions(const struct api_request *request, struct api_response *response,
                                const struct model_card *card, const struct infer_request *asked,
                                const struct tensor_list *tensors, const struct prediction *predictions)
{
    struct json *root = json_object();
    struct buffer behind = {.maximum = (size_t)TENSOR_VALUES_MAX * sizeof(float)};
    json_add_text(root, "model_name", card->name);
    json_add_text(root, "model_version", card->version);
    if (asked->id)
        json_add_text(root, "id", asked->id);
    struct json *outputs = json_add(root, "outputs", json_array());
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor *tensor = &tensors->items[i];
        struct json *output = json_append(outputs, tensor_json(tensor));
        size_t count = tensor->shape[0] * tensor->values;
        float *values = tensor_values(tensor, predictions);
        if (tensor->binary) {
            json_add_number(json_add(output, "parameters", json_object()), "binary_data_size",
                            (double)(count * sizeof *values));
            bool fits = buffer_append(&behind, values, count * sizeof *values);
            assert(fits); /* choose_tensors counted them */
            (void)fits;
        } else {
            json_add(output, "data", json_float_array(values, count));
        }
        free(values);
    }
    respond_tensors(request, response, &root, &behind);
    buffer_finish(&behind);
}

void handle_v2_infer(struct api *api, const struct api_request *request, const struct arguments *arguments,
                     struct api_response *response)
{
    struct failure failure = {0};
    struct infer_request *asked = arena_allocate(request->arena, 1, sizeof *asked);
    struct engine *engine = NULL;
    struct tensor_list tensors = {0};
    struct prediction *predictions = NULL;
    struct prediction_timing timing = {0};
    /* As of POST /predict: what api_admit let in is answered. */
    enum status status =
        service_version(api, request->arena, arguments->name, arguments->version, &failure, &engine);
    if (!status)
        status = infer_read(request, &failure, asked);
    if (!status)
        status = choose_tensors(request->arena, engine_card(engine), asked, &failure, &tensors);
    if (!status)
        status = service_weigh(api, response, false, asked->images, asked->count, &failure);
    if (!status) {
        predictions = memory_allocate(asked->count, sizeof *predictions);
        status = predict(engine, request, asked, &tensors, &failure, &timing, predictions);
    }
    if (status) {
        respond_failure(request, &failure, response);
    } else {
        respond_predictions(request, response, engine_card(engine), asked, &tensors, predictions);
        for (size_t i = 0; i < asked->count; i++)
            prediction_finish(&predictions[i]);
    }
    free(predictions);
    response->images = asked->count;
    response->timing = timing;
}
