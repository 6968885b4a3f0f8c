#include "engine/checkpoint/config_parts.h"

#include "engine/checkpoint/config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const double RATIO_MAX = 64;

/* Where a training's configuration, a constructor's arguments, and timm's have them. A training's says it of
 * the student; a teacher of another form is another network. */
static const char *const sections[] = {"student", "teacher", NULL, "model_args"};
enum { SECTIONS = sizeof sections / sizeof *sections };

void config_parts_init(struct config_parts *parts)
{
    *parts = (struct config_parts){
        .qkv_bias = -1, .proj_bias = -1, .ffn_bias = -1, .scales = -1, .scale_key = "", .mlp_ratio = -1};
}

static const struct json *find(const struct json *document, const char *section, const char *key)
{
    return json_member(section ? json_member(document, section) : document, key);
}

static const struct json *find_said(const struct json *document, const char *section, const char *key)
{
    const struct json *value = find(document, section, key);
    return value && !json_is_null(value) ? value : NULL;
}

static enum status read_switches(const struct json *document, struct failure *failure,
                                 struct config_parts *out)
{
    static const struct {
        const char *key;
        size_t offset;
    } switches[] = {{"qkv_bias", offsetof(struct config_parts, qkv_bias)},
                    {"proj_bias", offsetof(struct config_parts, proj_bias)},
                    {"ffn_bias", offsetof(struct config_parts, ffn_bias)}};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        for (size_t k = 0; k < SECTIONS && !status; k++)
            status = config_read_boolean(find_said(document, sections[k], switches[i].key), sections[k],
                                         switches[i].key, failure, (int *)((char *)out + switches[i].offset));
    return status;
}

/* LayerScale's values at the beginning of training: none, or 0, where there is no LayerScale. */
static enum status read_scales(const struct json *document, struct failure *failure, struct config_parts *out)
{
    static const struct {
        const char *section, *key;
    } keys[] = {{"student", "layerscale"},
                {"teacher", "layerscale"},
                {NULL, "layerscale_value"},
                {NULL, "init_values"},
                {"model_args", "init_values"}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct json *value = find(document, keys[i].section, keys[i].key);
        double start = 0;
        if (!value)
            continue;
        const char *text = json_text(value); /* Python writes None */
        const bool none = json_is_null(value) || (text && !strcmp(text, "None"));
        if (!none && !json_number(value, &start))
            return failure_set(failure, STATUS_INVALID_FILE, "%s is no number.", keys[i].key);
        if (out->scales >= 0 && out->scales != (start != 0))
            return failure_set(failure, STATUS_INVALID_FILE, "%s and %s contradict one another.",
                               out->scale_key, keys[i].key);
        out->scales = start != 0;
        out->scale_key = keys[i].key;
    }
    return STATUS_OK;
}

static enum status read_ratio(const struct json *document, struct failure *failure, struct config_parts *out)
{
    for (size_t i = 0; i < SECTIONS; i++) {
        const struct json *value = find_said(document, sections[i], "mlp_ratio");
        const double before = out->mlp_ratio;
        if (value &&
            (!json_number(value, &out->mlp_ratio) || !(out->mlp_ratio > 0 && out->mlp_ratio <= RATIO_MAX)))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "mlp_ratio is not a number over 0 and up to 64.");
        if (before > 0 && before != out->mlp_ratio)
            return failure_set(failure, STATUS_INVALID_FILE,
                               "mlp_ratio is not what the file says of it elsewhere.");
    }
    return STATUS_OK;
}

/* Whether two names of architectures may be of one network: "vit_giant2" of DINOv2 is
 * "vit_giant_patch14_dinov2" of timm. What timm adds (patches, registers) is said elsewhere as well. */
static bool is_same_arch(const char *a, const char *b)
{
    const char *const names[] = {a, b};
    size_t length[2];
    for (size_t i = 0; i < 2; i++) {
        const char *first = strchr(names[i], '_');
        length[i] = first ? (size_t)(first + 1 - names[i]) + strcspn(first + 1, "_") : strlen(names[i]);
        length[i] -= length[i] && names[i][length[i] - 1] == '2';
    }
    return length[0] == length[1] && !strncmp(a, b, length[0]);
}

static enum status read_names(const struct json *document, struct failure *failure, struct config_parts *out)
{
    static const struct {
        const char *section, *key;
    } places[] = {{"student", "arch"},
                  {"teacher", "arch"},
                  {NULL, "arch"},
                  {"model_args", "arch"},
                  {NULL, "architecture"},
                  {"model_args", "architecture"},
                  {"pretrained_cfg", "architecture"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *arch = json_text(find_said(document, places[i].section, places[i].key));
        if (!arch)
            continue;
        if (*out->arch && !is_same_arch(out->arch, arch))
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "It names two architectures, '%.60s' and '%.60s': remove the one that is wrong.", out->arch,
                arch);
        snprintf(out->arch, sizeof out->arch, "%s", arch);
    }
    const char *type = json_text(find_said(document, NULL, "model_type"));
    snprintf(out->model_type, sizeof out->model_type, "%s", type ? type : "");
    return STATUS_OK;
}

/* What changes a network of transformers in a way that no tensor need show: a program of its own, quantised
 * weights, positions that rotate. */
static enum status check_others(const struct json *document, struct failure *failure)
{
    static const char *const keys[] = {"auto_map", "quantization_config", "use_rope"};
    const struct json *positions = find_said(document, NULL, "position_embedding_type");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct json *value = find_said(document, NULL, keys[i]);
        bool on;
        if (value && (!json_boolean(value, &on) || on))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "It has %s, which changes the network and is not supported.", keys[i]);
    }
    if (positions && (!json_text(positions) || strcmp(json_text(positions), "absolute")))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "position_embedding_type is '%.40s', which is not supported: only absolute is.",
                           json_text(positions) ? json_text(positions) : "?");
    return STATUS_OK;
}

/* Names of layers are texts. */
static enum status check_texts(const struct json *document, struct failure *failure)
{
    static const char *const keys[] = {"hidden_act", "ffn_layer", "arch"};
    for (size_t i = 0; i < SECTIONS * sizeof keys / sizeof *keys; i++) {
        const struct json *value = find_said(document, sections[i % SECTIONS], keys[i / SECTIONS]);
        if (value && !json_text(value))
            return failure_set(failure, STATUS_INVALID_FILE, "%s is no text.", keys[i / SECTIONS]);
    }
    return STATUS_OK;
}

enum status config_parts_read(const struct json *document, struct failure *failure, struct config_parts *out)
{
    enum status status = check_others(document, failure);
    if (!status)
        status = check_texts(document, failure);
    if (!status)
        status = read_switches(document, failure, out);
    if (!status)
        status = read_scales(document, failure, out);
    if (!status)
        status = read_ratio(document, failure, out);
    return status ? status : read_names(document, failure, out);
}

static const char *merge_switch(const char *key, int other, int *mine)
{
    if (*mine >= 0 && other >= 0 && *mine != other)
        return key;
    *mine = *mine < 0 ? other : *mine;
    return NULL;
}

const char *config_parts_merge(const struct config_parts *other, struct config_parts *parts)
{
    const char *differs = merge_switch("qkv_bias", other->qkv_bias, &parts->qkv_bias);
    differs = differs ? differs : merge_switch("proj_bias", other->proj_bias, &parts->proj_bias);
    differs = differs ? differs : merge_switch("ffn_bias", other->ffn_bias, &parts->ffn_bias);
    differs = differs ? differs : merge_switch("LayerScale", other->scales, &parts->scales);
    if (!differs && parts->mlp_ratio > 0 && other->mlp_ratio > 0 && parts->mlp_ratio != other->mlp_ratio)
        differs = "mlp_ratio";
    if (!differs && *parts->arch && *other->arch && !is_same_arch(parts->arch, other->arch))
        differs = "the architecture's name";
    if (!differs && *parts->model_type && *other->model_type && strcmp(parts->model_type, other->model_type))
        differs = "model_type";
    parts->scale_key = *parts->scale_key ? parts->scale_key : other->scale_key;
    parts->mlp_ratio = parts->mlp_ratio > 0 ? parts->mlp_ratio : other->mlp_ratio;
    if (!*parts->arch)
        memcpy(parts->arch, other->arch, sizeof parts->arch);
    if (!*parts->model_type)
        memcpy(parts->model_type, other->model_type, sizeof parts->model_type);
    return differs;
}
