#include "engine/checkpoint/config.h"

#include "engine/base/file.h"
#include "engine/base/yaml_json.h"
#include "engine/checkpoint/document.h"
#include "engine/checkpoint/format.h"
#include "engine/checkpoint/names.h"
#include "engine/package/card.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct json_limits limits = {.depth = 32, .values = 1 << 16};
enum { NUMBER_MAX = 1000 * 1000 };

void config_init(struct config *config)
{
    *config = (struct config){.patch_size = -1,
                              .registers = -1,
                              .width = -1,
                              .depth = -1,
                              .attention_heads = -1,
                              .image_height = -1,
                              .image_width = -1,
                              .classes = -1,
                              .interpolate_offset = CONFIG_NOT_SAID,
                              .interpolate_antialias = -1,
                              .no_class_position = -1,
                              .layer_norm_epsilon = -1};
    config_parts_init(&config->parts);
}

/* Where a number may stand: a member of the document, or of a member of it. */
static const struct place {
    const char *section, *key;
    size_t offset;
} numbers[] = {
    {"student", "patch_size", offsetof(struct config, patch_size)},
    {"student", "num_register_tokens", offsetof(struct config, registers)},
    {"teacher", "patch_size", offsetof(struct config, patch_size)},
    {"teacher", "num_register_tokens", offsetof(struct config, registers)},
    {"student", "embed_dim", offsetof(struct config, width)},
    {"student", "depth", offsetof(struct config, depth)},
    {"student", "num_heads", offsetof(struct config, attention_heads)},
    {"teacher", "embed_dim", offsetof(struct config, width)},
    {"teacher", "depth", offsetof(struct config, depth)},
    {"teacher", "num_heads", offsetof(struct config, attention_heads)},
    {NULL, "patch_size", offsetof(struct config, patch_size)},
    {NULL, "num_register_tokens", offsetof(struct config, registers)},
    {NULL, "hidden_size", offsetof(struct config, width)},
    {NULL, "embed_dim", offsetof(struct config, width)},
    {NULL, "num_hidden_layers", offsetof(struct config, depth)},
    {NULL, "depth", offsetof(struct config, depth)},
    {NULL, "num_attention_heads", offsetof(struct config, attention_heads)},
    {NULL, "num_heads", offsetof(struct config, attention_heads)},
    {NULL, "num_features", offsetof(struct config, width)},
    {"model_args", "patch_size", offsetof(struct config, patch_size)},
    {"model_args", "reg_tokens", offsetof(struct config, registers)},
    {"model_args", "embed_dim", offsetof(struct config, width)},
    {"model_args", "depth", offsetof(struct config, depth)},
    {"model_args", "num_heads", offsetof(struct config, attention_heads)},
};
static const struct place sizes[] = {{"crops", "global_crops_size", 0},
                                     {NULL, "image_size", 0},
                                     {NULL, "img_size", 0},
                                     {"model_args", "img_size", 0}};
/* What else is read: of a file that has none of all these nothing would be. */
static const struct place others[] = {{"student", "ffn_layer", 0},
                                      {"student", "interpolate_offset", 0},
                                      {"student", "interpolate_antialias", 0},
                                      {"student", "arch", 0},
                                      {"student", "layerscale", 0},
                                      {"student", "qkv_bias", 0},
                                      {"student", "proj_bias", 0},
                                      {"student", "ffn_bias", 0},
                                      {NULL, "arch", 0},
                                      {NULL, "layerscale_value", 0},
                                      {NULL, "init_values", 0},
                                      {NULL, "qkv_bias", 0},
                                      {NULL, "proj_bias", 0},
                                      {NULL, "ffn_bias", 0},
                                      {NULL, "mlp_ratio", 0},
                                      {NULL, "ffn_layer", 0},
                                      {NULL, "interpolate_offset", 0},
                                      {NULL, "interpolate_antialias", 0},
                                      {NULL, "use_swiglu_ffn", 0},
                                      {NULL, "hidden_act", 0},
                                      {NULL, "layer_norm_eps", 0},
                                      {"student", "layer_norm_eps", 0},
                                      {NULL, "num_channels", 0},
                                      {NULL, "in_chans", 0},
                                      {NULL, "model_type", 0}};

static const struct json *look_up(const struct json *document, const char *section, const char *key)
{
    const struct json *value = json_member(section ? json_member(document, section) : document, key);
    return value && !json_is_null(value) ? value : NULL;
}

static bool has_any(const struct json *document, const struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (look_up(document, places[i].section, places[i].key))
            return true;
    return false;
}

static bool says_anything(const struct json *document)
{
    return has_any(document, numbers, sizeof numbers / sizeof *numbers) ||
           has_any(document, sizes, sizeof sizes / sizeof *sizes) ||
           has_any(document, others, sizeof others / sizeof *others) || document_is_timm(document);
}

#define ELSEWHERE "what the file says of it elsewhere"

/* Of a training, whose student and teacher are one network; and of a constructor's arguments. */
static const char *const sections[] = {"student", "teacher", NULL};

static enum status wrong(struct failure *failure, const char *section, const char *key, const char *kind)
{
    return failure_set(failure, STATUS_INVALID_FILE, "%s%s%s is not %s.", section ? section : "",
                       section ? "." : "", key, kind);
}

static enum status read_numbers(const struct json *document, struct failure *failure, struct config *config)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const struct json *value = look_up(document, numbers[i].section, numbers[i].key);
        int64_t *out = (int64_t *)((char *)config + numbers[i].offset), number = *out;
        if (value && !json_integer(value, 0, NUMBER_MAX, &number))
            return wrong(failure, numbers[i].section, numbers[i].key, "a whole number from 0 to 1000000");
        if (*out >= 0 && *out != number)
            return wrong(failure, numbers[i].section, numbers[i].key, ELSEWHERE);
        *out = number;
    }
    return STATUS_OK;
}

/* One number, or height and width. */
static enum status read_sizes(const struct json *document, struct failure *failure, struct config *config)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const struct json *value = look_up(document, sizes[i].section, sizes[i].key);
        const struct json *first =
            json_is_array(value) && json_length(value) == 2 ? json_first(value) : value;
        const struct json *second = first == value ? value : json_next(first);
        int64_t height, width;
        if (!value)
            continue;
        if (!json_integer(first, 0, NUMBER_MAX, &height) || !json_integer(second, 0, NUMBER_MAX, &width))
            return wrong(failure, sizes[i].section, sizes[i].key, "a whole number from 0 to 1000000");
        if (config->image_height >= 0 && (config->image_height != height || config->image_width != width))
            return wrong(failure, sizes[i].section, sizes[i].key, ELSEWHERE);
        config->image_height = height;
        config->image_width = width;
    }
    return STATUS_OK;
}

enum status config_read_boolean(const struct json *value, const char *section, const char *key,
                                struct failure *failure, int *out)
{
    const char *text = json_text(value); /* Python writes True */
    const int before = *out;
    bool boolean;
    if (text && (!strcasecmp(text, "true") || !strcasecmp(text, "false")))
        *out = !strcasecmp(text, "true");
    else if (json_boolean(value, &boolean))
        *out = boolean;
    else if (value)
        return wrong(failure, section, key, "true or false");
    return before >= 0 && before != *out ? wrong(failure, section, key, ELSEWHERE) : STATUS_OK;
}

/* How positions are resized: in a training's configuration, or among a constructor's arguments. */
static enum status read_interpolation(const struct json *document, struct failure *failure,
                                      struct config *config)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof sections / sizeof *sections && !status; i++) {
        const struct json *offset = look_up(document, sections[i], "interpolate_offset");
        double number;
        if (offset && (!json_number(offset, &number) || !(number >= 0 && number <= 1)))
            return wrong(failure, sections[i], "interpolate_offset", "a number from 0 to 1");
        if (offset && config->interpolate_offset > CONFIG_NOT_SAID && config->interpolate_offset != number)
            return wrong(failure, sections[i], "interpolate_offset", ELSEWHERE);
        if (offset)
            config->interpolate_offset = number;
        status = config_read_boolean(look_up(document, sections[i], "interpolate_antialias"), sections[i],
                                     "interpolate_antialias", failure, &config->interpolate_antialias);
    }
    return status;
}

bool config_ffn_is_gated(const char *ffn_layer)
{
    return !strcmp(ffn_layer, "swiglu") || !strcmp(ffn_layer, "swiglufused");
}

/* Under each of its names; all say the same. */
static enum status read_ffn(const struct json *document, struct failure *failure, struct config *config)
{
    int gated = -1;
    const char *ffn = "";
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        const char *text = json_text(look_up(document, sections[i], "ffn_layer"));
        if (!text)
            continue;
        if (strcmp(text, "mlp") && !config_ffn_is_gated(text))
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "ffn_layer is '%.40s', which is not supported: mlp, swiglu and swiglufused are.", text);
        if (*ffn && config_ffn_is_gated(ffn) != config_ffn_is_gated(text))
            return wrong(failure, sections[i], "ffn_layer", ELSEWHERE);
        ffn = *ffn ? ffn : text;
    }
    const char *activation = json_text(look_up(document, NULL, "hidden_act"));
    enum status status = config_read_boolean(look_up(document, NULL, "use_swiglu_ffn"), NULL,
                                             "use_swiglu_ffn", failure, &gated);
    if (!status && gated >= 0 && *ffn && config_ffn_is_gated(ffn) != gated)
        return wrong(failure, NULL, "use_swiglu_ffn", ELSEWHERE);
    if (status)
        return status;
    snprintf(config->ffn_layer, sizeof config->ffn_layer, "%s",
             *ffn || gated < 0 ? ffn
             : gated           ? "swiglu"
                               : "mlp");
    if (activation && gated != 1 && strcmp(activation, "gelu"))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "hidden_act is '%.40s', which is not supported: only gelu (with the error function) is.",
            activation);
    return STATUS_OK;
}

/* Heads of a Dinov2Config that does not say how many (transformers/models/dinov2/configuration_dinov2.py). */
enum { HEADS_OF_DINOV2 = 12 };

bool config_class_fits(const char *class, const char *model_type)
{
    while (*model_type && tolower((unsigned char)*class) == *model_type) {
        class ++;
        do
            model_type++;
        while (*model_type == '_' || *model_type == '-');
    }
    return !*model_type &&
           (name_behind(class, "Model") || name_behind(class, "For") || name_behind(class, "Backbone"));
}

/* Refuses by name what describes a network of another kind. */
static enum status check_kind(const struct json *document, struct failure *failure)
{
    const struct json *kind = look_up(document, NULL, "model_type"),
                      *argument = look_up(document, NULL, "in_chans"),
                      *channels = argument ? argument : look_up(document, NULL, "num_channels");
    const char *type = kind && !json_text(kind) ? "?" : json_text(kind);
    int64_t count;
    if (type && strcmp(type, "dinov2") && strcmp(type, "dinov2_with_registers") &&
        strcmp(type, "dinov2-with-registers"))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "It describes a network of the kind '%.60s'; dinov2 and dinov2_with_registers are supported.",
            type);
    const char *class = json_text(json_first(look_up(document, NULL, "architectures")));
    if (type && class && name_behind(class, "Dinov2") && !config_class_fits(class, type))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "architectures is '%.60s', which is no class of model_type: %.60s.", class, type);
    if (channels && !json_integer(channels, 0, NUMBER_MAX, &count))
        return wrong(failure, NULL, argument ? "in_chans" : "num_channels",
                     "a whole number from 0 to 1000000");
    if (channels && count != 3)
        return failure_set(failure, STATUS_INVALID_FILE, "%s is %lld, and only 3 are supported.",
                           argument ? "in_chans" : "num_channels", (long long)count);
    return STATUS_OK;
}

/* Of every LayerNorm: among a constructor's arguments, or in a training's configuration. */
static enum status read_epsilon(const struct json *document, struct failure *failure, struct config *config)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        const struct json *value = look_up(document, sections[i], "layer_norm_eps");
        double epsilon;
        if (!value)
            continue;
        if (!json_number(value, &epsilon) ||
            !(epsilon >= LAYER_NORM_EPSILON_MIN && epsilon <= LAYER_NORM_EPSILON_MAX))
            return wrong(failure, sections[i], "layer_norm_eps", "a number from 1e-12 to 0.01");
        if (config->layer_norm_epsilon > 0 && config->layer_norm_epsilon != epsilon)
            return wrong(failure, sections[i], "layer_norm_eps", ELSEWHERE);
        config->layer_norm_epsilon = epsilon;
    }
    return STATUS_OK;
}

static enum status read_document(const struct json *document, struct failure *failure, struct config *config)
{
    if (!says_anything(document))
        return document_refuse(document, DOCUMENT_NETWORK, failure);
    config->timm = document_is_timm(document);
    const char *model = json_text(look_up(document, NULL, "_name_or_path"));
    snprintf(config->model, sizeof config->model, "%s", model ? model : "");
    const struct json *architecture = look_up(document, NULL, "architecture");
    if (architecture && !json_text(architecture))
        return wrong(failure, NULL, "architecture", "a text");
    enum status status = check_kind(document, failure);
    if (!status)
        status = config_parts_read(document, failure, &config->parts);
    if (!status)
        status = read_numbers(document, failure, config);
    if (!status)
        status = read_sizes(document, failure, config);
    if (!status)
        status = read_epsilon(document, failure, config);
    if (!status)
        status = read_interpolation(document, failure, config);
    if (!status)
        status = read_ffn(document, failure, config);
    if (!status && config->attention_heads < 0 && look_up(document, NULL, "model_type"))
        config->attention_heads = HEADS_OF_DINOV2;
    return status || !config->timm ? status : config_read_timm(document, failure, config);
}

enum status config_document(struct bytes text, struct failure *failure, struct json **out)
{
    struct failure why;
    const enum format format = format_of(text);
    if (format == FORMAT_ZIP || format == FORMAT_SAFETENSORS)
        return failure_set(failure, STATUS_INVALID_FILE, "It is a file of weights, and no configuration.");
    if (format == FORMAT_OTHER && format_is_foreign(text))
        return format_refuse(text, failure);
    if (!json_parse(text, limits, NULL, out)) { /* YAML takes no tabs, which JSON may have */
        const char *twice = json_duplicate_name(*out);
        enum status status =
            twice ? failure_set(failure, STATUS_INVALID_FILE, "It says '%.80s' twice.", twice) : STATUS_OK;
        if (status)
            json_destroy(out);
        return status;
    }
    bool is_json = text.size && *text.data == '{';
    if (yaml_parse(text, &why, out))
        return is_json ? failure_set(failure, STATUS_INVALID_FILE, "It is neither valid JSON nor valid YAML.")
                       : failure_set(failure, STATUS_INVALID_FILE, "%s", why.sentence);
    return STATUS_OK;
}

enum status config_take(const struct json *document, struct failure *failure, struct config *out)
{
    struct config config;
    config_init(&config);
    enum status status = read_document(document, failure, &config);
    if (!status)
        *out = config;
    return status;
}

enum status config_parse(struct bytes text, struct failure *failure, struct config *out)
{
    struct json *document;
    enum status status = config_document(text, failure, &document);
    if (status)
        return status;
    status = config_take(document, failure, out);
    json_destroy(&document);
    return status;
}

enum status config_read(const char *path, struct failure *failure, struct config *out)
{
    struct bytes text;
    enum status status = file_read_text(path, CONFIG_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = config_parse(text, failure, out);
    if (status)
        failure_prefix(failure, "%s", path);
    free((void *)text.data);
    return status;
}
