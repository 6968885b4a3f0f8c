/* Health and metadata of the Open Inference Protocol v2. */
#include "api/handlers/handlers.h"
#include "api/infer.h"
#include "api/tensors.h"

void handle_v2(struct api *api, const struct api_request *request, const struct arguments *arguments,
               struct api_response *response)
{
    (void)api, (void)request, (void)arguments;
    struct json *root = json_object();
    json_add_text(root, "name", "cxrd");
    json_add_text(root, "version", CXRD_VERSION);
    struct json *extensions = json_add(root, "extensions", json_array());
    json_append_text(extensions, "binary_tensor_data");
    json_append_text(extensions, "classification");
    respond_json(response, 200, &root);
}

static void respond_true(struct api_response *response, const char *name)
{
    struct json *root = json_object();
    json_add_boolean(root, name, true);
    respond_json(response, 200, &root);
}

void handle_v2_live(struct api *api, const struct api_request *request, const struct arguments *arguments,
                    struct api_response *response)
{
    (void)arguments;
    struct failure failure = {0};
    if (service_alive(api, &failure))
        respond_failure(request, &failure, response);
    else
        respond_true(response, "live");
}

void handle_v2_ready(struct api *api, const struct api_request *request, const struct arguments *arguments,
                     struct api_response *response)
{
    (void)arguments;
    struct failure failure = {0};
    if (service_announced(api, &failure))
        respond_failure(request, &failure, response);
    else
        respond_true(response, "ready");
}

void handle_v2_model(struct api *api, const struct api_request *request, const struct arguments *arguments,
                     struct api_response *response)
{
    struct failure failure = {0};
    struct engine *engine = NULL;
    if (service_version(api, request->arena, arguments->name, arguments->version, &failure, &engine)) {
        respond_failure(request, &failure, response);
        return;
    }
    const struct model_card *card = engine_card(engine);
    struct tensor_list tensors = tensors_of(request->arena, card, 0);
    struct json *root = json_object();
    json_add_text(root, "name", card->name);
    json_append_text(json_add(root, "versions", json_array()), card->version);
    json_add_text(root, "platform", "cxrd_safetensors");
    struct json *input = json_append(json_add(root, "inputs", json_array()), json_object());
    json_add_text(input, "name", INFER_INPUT);
    json_add_text(input, "datatype", "BYTES");
    json_append_number(json_add(input, "shape", json_array()), -1);
    struct json *outputs = json_add(root, "outputs", json_array());
    for (size_t i = 0; i < tensors.count; i++)
        if (tensors.items[i].kind != TENSOR_ATTENTION || !api->withholds_pictures)
            json_append(outputs, tensor_json(&tensors.items[i]));
    struct json *properties = json_add(root, "properties", json_object());
    json_add_text(properties, "weights_sha256", card->weights_sha256);
    json_add_text(properties, "package_sha256", card->package_sha256);
    respond_json(response, 200, &root);
}

void handle_v2_model_ready(struct api *api, const struct api_request *request,
                           const struct arguments *arguments, struct api_response *response)
{
    struct failure failure = {0};
    struct engine *engine = NULL;
    enum status status =
        service_version(api, request->arena, arguments->name, arguments->version, &failure, &engine);
    if (!status)
        status = service_ready(api, &failure);
    if (status) {
        respond_failure(request, &failure, response);
        return;
    }
    struct json *root = json_object();
    json_add_text(root, "name", engine_card(engine)->name);
    json_add_boolean(root, "ready", true);
    respond_json(response, 200, &root);
}
