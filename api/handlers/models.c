#include "api/handlers/handlers.h"
#include "api/result.h"

static struct json *label_json(const struct label *label)
{
    struct json *object = json_object();
    json_add_text(object, "name", label->name);
    json_add_number(object, "threshold", label->threshold);
    json_add_text(object, "threshold_source", label->threshold_source);
    result_add_calibration(object, label);
    json_add(object, "codes", result_codes(label));
    return object;
}

static struct json *head_json(const struct head_card *head)
{
    struct json *object = json_object();
    json_add_text(object, "name", head->name);
    json_add_text(object, "kind", head_kind_name(head->kind));
    json_add_text(object, "type", head_type_name(head->type));
    json_add_number(object, "views", head->two_views ? 2 : 1);
    if (head->definition)
        json_add_text(object, "definition", head->definition);
    struct json *labels = json_add(object, "labels", json_array());
    for (size_t i = 0; i < head->label_count; i++)
        json_append(labels, label_json(&head->labels[i]));
    return object;
}

/* A square's have one number each, too: clients of before there were rectangles know those. */
static void add_sizes(struct json *object, const struct backbone_card *backbone)
{
    if (backbone->image_height == backbone->image_width) {
        json_add_number(object, "image_size", backbone->image_height);
        json_add_number(object, "attention_grid", backbone_rows(backbone));
    }
    json_add_number(object, "image_height", backbone->image_height);
    json_add_number(object, "image_width", backbone->image_width);
    json_add_number(object, "attention_rows", backbone_rows(backbone));
    json_add_number(object, "attention_columns", backbone_columns(backbone));
}

static struct json *model_json(const struct engine *engine)
{
    const struct model_card *card = engine_card(engine);
    struct json *object = result_model(card);
    json_add_text(object, "profile", card->profile.name);
    json_add_text(object, "dicom_profile", dicom_profile_name(card->dicom_profile));
    add_sizes(object, &card->backbone);
    json_add_number(object, "embedding_width", card->backbone.width);
    json_add_text(object, "device", engine_device_name(engine));
    json_add_text(object, "rung", engine_rung_name(engine));
    struct json *heads = json_add(object, "heads", json_array());
    for (size_t i = 0; i < card->head_count; i++)
        json_append(heads, head_json(&card->heads[i]));
    return object;
}

void handle_models(struct api *api, const struct api_request *request, const struct arguments *arguments,
                   struct api_response *response)
{
    (void)arguments;
    struct failure failure = {0};
    struct engine *first = NULL;
    if (service_engine(api, request->arena, NULL, STATUS_NOT_FOUND, &failure, &first)) {
        respond_failure(request, &failure, response);
        return;
    }
    struct json *root = json_object();
    struct json *models = json_add(root, "models", json_array());
    struct engine_set set = service_engines(api);
    json_add_boolean(root, "attention", !api->withholds_pictures);
    for (size_t i = 0; i < set.count; i++)
        json_append(models, model_json(set.engines[i]));
    respond_json(response, 200, &root);
}

void handle_model(struct api *api, const struct api_request *request, const struct arguments *arguments,
                  struct api_response *response)
{
    struct failure failure = {0};
    struct engine *engine = NULL;
    if (service_engine(api, request->arena, arguments->name, STATUS_NOT_FOUND, &failure, &engine)) {
        respond_failure(request, &failure, response);
        return;
    }
    struct json *root = model_json(engine);
    respond_json(response, 200, &root);
}
