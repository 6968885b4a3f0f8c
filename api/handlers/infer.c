/* POST .../infer of the Open Inference Protocol v2. */
#include "api/infer.h"
#include "api/handlers/handlers.h"
#include "api/options.h"
#include "api/result.h"
#include "api/tensors.h"
#include "api/text.h"
#include "api/views.h"

#include <stdlib.h>
#include <string.h>

/* The tensor of a name, NULL when there is none. */
static const struct tensor *find_tensor(const struct tensor_list *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (!strcmp(all->items[i].name, name))
            return &all->items[i];
    return NULL;
}

static enum status unknown_output(struct arena *arena, const struct model_card *card,
                                  const struct tensor_list *all, const char *name, struct failure *failure)
{
    enum status status = options_need_heads(arena, card, failure);
    if (status) /* it is most likely a head's that another package has */
        return status;
    const char **names = arena_allocate(arena, all->count, sizeof *names);
    for (size_t i = 0; i < all->count; i++)
        names[i] = all->items[i].name;
    return failure_set(failure, STATUS_BAD_REQUEST, "Unknown output '%s'; there are: %s.",
                       text_quote(arena, name, 60), text_join(arena, names, all->count, 150));
}

/* Adds what one of "outputs" asks for. */
static enum status choose_named(struct arena *arena, const struct model_card *card,
                                const struct tensor_list *all, const struct wanted_output *wanted,
                                struct failure *failure, struct tensor_list *out)
{
    const struct tensor *tensor = find_tensor(all, wanted->name);
    if (!tensor)
        return unknown_output(arena, card, all, wanted->name, failure);
    if (find_tensor(out, tensor->name))
        return failure_set(failure, STATUS_BAD_REQUEST, "The output '%s' is asked for twice.",
                           text_quote(arena, tensor->name, 60));
    if (wanted->classes && tensor->kind >= TENSOR_ATTENTION)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The output '%s' has no classes; ask for those of probabilities or logits.",
                           text_quote(arena, tensor->name, 60));
    struct tensor *chosen = &out->items[out->count++];
    *chosen = *tensor;
    chosen->binary = wanted->binary;
    if (wanted->classes)
        tensor_classify(chosen, wanted->classes);
    return STATUS_OK;
}

/* Flip's two passes each have an embedding of their own, and so have the two images of a study; nobody has
 * said what a mean of them means. */
static enum status check_embeddings(struct arena *arena, const struct infer_request *asked,
                                    const struct tensor_list *tensors, struct failure *failure)
{
    for (size_t i = 0; i < tensors->count && (asked->flip || asked->pairing != PAIRING_NONE); i++)
        if (tensors->items[i].kind >= TENSOR_CLASS)
            return failure_set(
                failure, STATUS_BAD_REQUEST,
                "The output '%s' is of an image as it is; ask for it in a request without the parameter "
                "\"%s\".",
                text_quote(arena, tensors->items[i].name, 60), asked->flip ? "flip" : "views");
    return STATUS_OK;
}

/* Heads of two views need pairs. */
static enum status check_views(struct arena *arena, const struct model_card *card,
                               const struct infer_request *asked, const struct tensor_list *tensors,
                               struct failure *failure)
{
    bool heads[PACKAGE_HEADS_MAX] = {false};
    for (size_t i = 0; i < tensors->count; i++)
        if (tensors->items[i].kind <= TENSOR_ATTENTION)
            heads[tensors->items[i].head] = true;
    return views_check(arena, card, heads, asked->pairing, &views_in_inference, failure);
}

static size_t study_count(const struct infer_request *asked)
{
    return asked->count / pairing_images(asked->pairing);
}

/* What is asked for by name, each once; probabilities and logits when nothing is. Charges the arena with what
 * the engine gives of them. */
static enum status choose_tensors(struct arena *arena, const struct model_card *card,
                                  const struct infer_request *asked, struct failure *failure,
                                  struct tensor_list *out)
{
    struct tensor_list all = tensors_of(arena, card, study_count(asked));
    size_t values = 0, printed = 0, most = asked->output_count ? asked->output_count : all.count;
    enum status status = asked->outputs ? STATUS_OK : options_need_heads(arena, card, failure);
    if (status)
        return status;
    *out = (struct tensor_list){arena_allocate(arena, most, sizeof *out->items), 0};
    for (size_t i = 0; i < all.count && !asked->outputs; i++)
        if (all.items[i].kind < TENSOR_ATTENTION) {
            out->items[out->count] = all.items[i];
            out->items[out->count++].binary = asked->binary;
        }
    for (size_t i = 0; i < asked->output_count; i++) {
        status = choose_named(arena, card, &all, &asked->outputs[i], failure, out);
        if (status)
            return status;
    }
    status = check_embeddings(arena, asked, out, failure);
    if (!status)
        status = check_views(arena, card, asked, out, failure);
    if (status)
        return status;
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
    return arena_charge(arena, values * sizeof(float), failure);
}

static enum status check_withheld(const struct api *api, const struct tensor_list *tensors,
                                  struct failure *failure)
{
    for (size_t i = 0; i < tensors->count && api->withholds_pictures; i++)
        if (tensors->items[i].kind == TENSOR_ATTENTION)
            return pictures_withheld(failure);
    return STATUS_OK;
}

/* What is answered where studies fail, which are images unless those pair: of one among several its number,
 * of several all their numbers, and why the first does. */
static enum status refuse_studies(struct arena *arena, const struct infer_request *asked,
                                  const struct prediction *predictions, struct failure *failure)
{
    const bool pairs = asked->pairing == PAIRING_VIEWS;
    const size_t count = study_count(asked);
    const char *numbers[API_IMAGES_MAX];
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (!predictions[i].failure.status)
            continue;
        if (!failed)
            *failure = predictions[i].failure;
        numbers[failed++] = arena_format(arena, "%zu", i);
    }
    if (!failed)
        return STATUS_OK;
    if (failed > 1)
        failure_prefix(failure, "%s %s fail. %s %s", pairs ? "Studies" : "Images",
                       text_join(arena, numbers, failed, 100), pairs ? "Study" : "Image", numbers[0]);
    else if (count > 1)
        failure_prefix(failure, "%s %s", pairs ? "Study" : "Image", numbers[0]);
    return failure->status;
}

/* Predicts all images; those that fail answer for the request, since tensors have no place for errors. */
static enum status predict(struct engine *engine, const struct api_request *request,
                           const struct infer_request *asked, const struct tensor_list *tensors,
                           struct failure *failure, struct api_response *response,
                           struct prediction *predictions)
{
    struct predict_options options = {.flip = asked->flip,
                                      .require_quality = asked->require_quality,
                                      .pairing = asked->pairing,
                                      .image = {.dicom_profile = asked->dicom_profile},
                                      .patience = {request->deadline_ns, request->gone, request->client}};
    for (size_t i = 0; i < tensors->count; i++)
        options.patches = options.patches || tensors->items[i].kind == TENSOR_PATCH;
    enum status status = engine_predict(engine, asked->images, asked->count, &options, failure, predictions);
    for (size_t i = 0; i < study_count(asked) && !status; i++) {
        result_add_timing(&response->timing, &predictions[i].timing);
        response->images_failed += predictions[i].failure.status ? pairing_images(asked->pairing) : 0;
    }
    if (status)
        return status;
    status = refuse_studies(request->arena, asked, predictions, failure);
    for (size_t i = 0; i < study_count(asked) && status; i++)
        prediction_finish(&predictions[i]);
    return status;
}

/* A parameter for an image, by its number in the request, that has warnings. */
static void add_warnings(struct json *parameters, struct arena *arena, size_t number, uint32_t warnings)
{
    char *text = image_warnings_join(warnings);
    if (*text)
        json_add_text(parameters, arena_format(arena, "warnings_%zu", number), text);
    free(text);
}

/* Its score, where a head gives one, and one where it is not acceptable. */
static void add_quality(struct json *parameters, struct arena *arena, size_t number,
                        const struct quality *quality)
{
    char *text = quality_join(quality);
    if (quality->scored)
        json_add_number(parameters, arena_format(arena, "quality_score_%zu", number), quality->score);
    if (*text)
        json_add_text(parameters, arena_format(arena, "quality_reasons_%zu", number), text);
    free(text);
}

/* The profile of a request's DICOM files, which all have the same; "" where there is none. */
static const char *profile_used(const struct infer_request *asked, const struct prediction *predictions)
{
    const char *name = "";
    for (size_t i = 0; i < study_count(asked) && !*name; i++) {
        name = dicom_profile_name(predictions[i].image.dicom.profile);
        name = *name ? name : dicom_profile_name(predictions[i].lateral.dicom.profile);
    }
    return name;
}

/* What has no place in tensors: which package answered, whether mirrors count, how images paired, and of
 * each image its warnings and why it is not acceptable. */
static void add_parameters(struct json *root, struct arena *arena, const struct model_card *card,
                           const struct infer_request *asked, const struct prediction *predictions)
{
    struct json *parameters = json_add(root, "parameters", json_object());
    json_add_text(parameters, "package_sha256", card->package_sha256);
    if (asked->flip)
        json_add_boolean(parameters, "flip", true);
    if (asked->pairing != PAIRING_NONE)
        json_add_text(parameters, "views", views_name(asked->pairing));
    const char *profile = profile_used(asked, predictions);
    if (*profile)
        json_add_text(parameters, "dicom_profile", profile);
    const size_t views = pairing_images(asked->pairing);
    for (size_t i = 0; i < study_count(asked); i++) {
        add_warnings(parameters, arena, i * views, predictions[i].image.warnings);
        add_quality(parameters, arena, i * views, &predictions[i].quality);
        if (views == 1)
            continue;
        add_warnings(parameters, arena, i * views + 1, predictions[i].lateral.warnings);
        add_quality(parameters, arena, i * views + 1, &predictions[i].lateral_quality);
    }
}

/* Adds a tensor to the JSON: its data, or how many bytes of them come behind it. */
static enum status add_output(struct arena *arena, struct json *outputs, const struct tensor_data *data,
                              struct failure *failure, size_t *behind)
{
    struct json *output = json_append(outputs, tensor_json(data->tensor)), *array = NULL;
    if (data->tensor->binary) {
        size_t bytes = tensor_data_bytes(data);
        *behind += bytes;
        json_add_number(json_add(output, "parameters", json_object()), "binary_data_size", (double)bytes);
        return STATUS_OK;
    }
    enum status status = tensor_data_json(arena, data, failure, &array);
    if (!status)
        json_add(output, "data", array);
    return status;
}

static enum status respond_predictions(const struct api_request *request, struct api_response *response,
                                       const struct model_card *card, const struct infer_request *asked,
                                       const struct tensor_list *tensors,
                                       const struct prediction *predictions, struct failure *failure)
{
    struct arena *arena = request->arena;
    struct tensor_data *data = arena_allocate(arena, tensors->count, sizeof *data);
    size_t behind = 0;
    enum status status = STATUS_OK;
    struct json *root = json_object();
    json_add_text(root, "model_name", card->name);
    json_add_text(root, "model_version", card->version);
    if (asked->id)
        json_add_text(root, "id", asked->id);
    add_parameters(root, arena, card, asked, predictions);
    struct json *outputs = json_add(root, "outputs", json_array());
    for (size_t i = 0; i < tensors->count && !status; i++) {
        status = tensor_data(arena, &tensors->items[i], predictions, failure, &data[i]);
        if (!status)
            status = add_output(arena, outputs, &data[i], failure, &behind);
    }
    uint8_t *at = NULL;
    if (!status)
        status = respond_large(request, response, root, behind, failure, &at);
    json_destroy(&root);
    if (status || !behind)
        return status;
    for (size_t i = 0; i < tensors->count; i++)
        if (tensors->items[i].binary) {
            tensor_data_write(&data[i], at);
            at += tensor_data_bytes(&data[i]);
        }
    response->content_type = "application/octet-stream";
    respond_header(response, "Inference-Header-Content-Length",
                   arena_format(arena, "%zu", response->body.size - behind));
    return STATUS_OK;
}

void handle_v2_infer(struct api *api, const struct api_request *request, const struct arguments *arguments,
                     struct api_response *response)
{
    struct failure failure = {0};
    struct infer_request *asked = arena_allocate(request->arena, 1, sizeof *asked);
    struct engine *engine = NULL;
    struct tensor_list tensors = {0};
    struct prediction *predictions = NULL;
    /* As of POST /predict: what api_admit let in is answered. */
    enum status status =
        service_version(api, request->arena, arguments->name, arguments->version, &failure, &engine);
    if (!status)
        status = infer_read(request, &failure, asked);
    if (!status)
        status = choose_tensors(request->arena, engine_card(engine), asked, &failure, &tensors);
    if (!status)
        status = check_withheld(api, &tensors, &failure);
    if (!status)
        status = service_weigh(api, response, false, asked->images, asked->count, &failure);
    if (!status && asked->flip)
        service_count_twice(api, response);
    if (!status) {
        predictions = memory_allocate(asked->count, sizeof *predictions);
        status = predict(engine, request, asked, &tensors, &failure, response, predictions);
    }
    if (!status) {
        status = respond_predictions(request, response, engine_card(engine), asked, &tensors, predictions,
                                     &failure);
        for (size_t i = 0; i < study_count(asked); i++)
            prediction_finish(&predictions[i]);
    }
    if (status)
        respond_failure(request, &failure, response);
    free(predictions);
    infer_finish(asked);
    response->images = asked->count;
}
