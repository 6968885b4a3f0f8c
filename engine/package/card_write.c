#include "engine/package/card_write.h"

#include <string.h>

/* One number for both sides, or [height, width]. */
static struct json *size_json(uint32_t height, uint32_t width)
{
    if (height == width)
        return json_number_value(height);
    struct json *size = json_array();
    json_append_number(size, height);
    json_append_number(size, width);
    return size;
}

static struct json *backbone_json(const struct backbone_card *backbone)
{
    struct json *json = json_object();
    json_add_text(json, "weights", backbone->weights);
    json_add_number(json, "width", backbone->width);
    json_add_number(json, "depth", backbone->depth);
    json_add_number(json, "heads", backbone->heads);
    json_add_number(json, "patch_size", backbone->patch_size);
    json_add(json, "image_size", size_json(backbone->image_height, backbone->image_width));
    json_add_number(json, "registers", backbone->registers);
    json_add_text(json, "ffn", ffn_kind_name(backbone->ffn));
    json_add_number(json, "ffn_hidden", backbone->ffn_hidden);
    json_add_number(json, "position_grid", backbone->position_grid);
    json_add_number(json, "interpolate_offset", backbone->interpolate_offset);
    if (backbone->interpolate_antialias)
        json_add_boolean(json, "interpolate_antialias", true);
    json_add_number(json, "layer_norm_epsilon", backbone->layer_norm_epsilon);
    return json;
}

static void add_channels(struct json *json, const char *name, const double values[3])
{
    struct json *list = json_add(json, name, json_array());
    for (int c = 0; c < 3; c++)
        json_append_number(list, values[c]);
}

/* The name of one that is known, else all it says. */
static struct json *profile_json(const struct profile *profile)
{
    const struct profile *known = profile_known(profile->name);
    if (known && profile_equal(known, profile))
        return json_text_value(profile->name);
    struct json *json = json_object();
    json_add_text(json, "name", profile->name);
    json_add_text(json, "resize", profile->resize == PROFILE_EXACT ? "exact" : "shortest_edge");
    if (profile->edge_height)
        json_add(json, "edge", size_json(profile->edge_height, profile->edge_width));
    json_add_text(json, "filter", profile_filter_name(profile->filter));
    json_add_text(json, "centre", profile->centre == PROFILE_CENTRE_DOWN ? "down" : "even");
    if (profile->rounding == PROFILE_ROUND_NEAREST)
        json_add_text(json, "rounding", "nearest");
    json_add_boolean(json, "min_max", profile->min_max);
    json_add_number(json, "rescale", profile->rescale);
    add_channels(json, "mean", profile->mean);
    add_channels(json, "deviation", profile->deviation);
    return json;
}

static struct json *label_json(const struct label *label)
{
    struct json *json = json_object();
    json_add_text(json, "name", label->name);
    json_add_number(json, "threshold", label->threshold);
    json_add_text(json, "threshold_source", label->threshold_source);
    if (label->threshold_weights_sha256)
        json_add_text(json, "threshold_weights_sha256", label->threshold_weights_sha256);
    if (label->calibrated) {
        struct json *calibration = json_add(json, "calibration", json_object());
        json_add_number(calibration, "scale", label->scale);
        json_add_number(calibration, "offset", label->offset);
    }
    struct json *codes = label->code_count ? json_add(json, "codes", json_array()) : NULL;
    for (size_t i = 0; i < label->code_count; i++) {
        struct json *code = json_append(codes, json_object());
        json_add_text(code, "system", label->codes[i].system);
        json_add_text(code, "code", label->codes[i].code);
    }
    return json;
}

struct json *card_head_json(const struct head_card *head)
{
    struct json *json = json_object();
    json_add_text(json, "name", head->name);
    json_add_text(json, "kind", head_kind_name(head->kind));
    json_add_text(json, "type", head_type_name(head->type));
    json_add_text(json, "weights", head->weights);
    json_add_number(json, "blocks", head->blocks);
    if (head->type == HEAD_LINEAR)
        json_add_boolean(json, "average_pool", head->average_pool);
    if (head->two_views)
        json_add_number(json, "views", 2);
    if (head->definition)
        json_add_text(json, "definition", head->definition);
    struct json *labels = json_add(json, "labels", json_array());
    for (size_t i = 0; i < head->label_count; i++)
        json_append(labels, label_json(&head->labels[i]));
    return json;
}

struct json *card_json(const struct model_card *card)
{
    struct json *root = json_object();
    json_add_number(root, "format", 1);
    json_add_text(root, "name", card->name);
    json_add_text(root, "version", card->version);
    json_add_text(root, "intended_use", card->intended_use);
    json_add(root, "backbone", backbone_json(&card->backbone));
    struct json *preprocessing = json_add(root, "preprocessing", json_object());
    json_add(preprocessing, "profile", profile_json(&card->profile));
    if (card->dicom_profile == DICOM_PROFILE_VOI)
        json_add_text(preprocessing, "dicom_profile", dicom_profile_name(card->dicom_profile));
    struct json *heads = json_add(root, "heads", json_array());
    struct json *hashes = json_object();
    json_set(hashes, card->backbone.weights, json_text_value(card->backbone.sha256));
    for (size_t i = 0; i < card->head_count; i++) {
        json_append(heads, card_head_json(&card->heads[i]));
        json_set(hashes, card->heads[i].weights, json_text_value(card->heads[i].sha256));
    }
    json_add(root, "weights_sha256", hashes);
    return root;
}

char *card_print(const struct json *root)
{
    char *text = json_print(root, true);
    size_t length = strlen(text);
    text = memory_resize(text, length + 2, 1);
    memcpy(text + length, "\n", 2);
    return text;
}
