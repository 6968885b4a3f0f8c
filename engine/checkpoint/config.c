#include "engine/checkpoint/config.h"

#include "engine/base/file.h"
#include "engine/base/yaml_json.h"

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
                              .heads = -1,
                              .image_height = -1,
                              .image_width = -1,
                              .interpolate_offset = CONFIG_NOT_SAID,
                              .interpolate_antialias = -1,
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
    {NULL, "patch_size", offsetof(struct config, patch_size)},
    {NULL, "num_register_tokens", offsetof(struct config, registers)},
    {NULL, "hidden_size", offsetof(struct config, width)},
    {NULL, "embed_dim", offsetof(struct config, width)},
    {NULL, "num_hidden_layers", offsetof(struct config, depth)},
    {NULL, "depth", offsetof(struct config, depth)},
    {NULL, "num_attention_heads", offsetof(struct config, heads)},
    {NULL, "num_heads", offsetof(struct config, heads)},
    {"model_args", "patch_size", offsetof(struct config, patch_size)},
    {"model_args", "reg_tokens", offsetof(struct config, registers)},
    {"model_args", "embed_dim", offsetof(struct config, width)},
    {"model_args", "depth", offsetof(struct config, depth)},
    {"model_args", "num_heads", offsetof(struct config, heads)},
};
static const struct place sizes[] = {{"crops", "global_crops_size", 0},
                                     {NULL, "image_size", 0},
                                     {NULL, "img_size", 0},
                                     {"model_args", "img_size", 0}};

static const struct json *look_up(const struct json *document, const char *section, const char *key)
{
    const struct json *value = json_member(section ? json_member(document, section) : document, key);
    return value && !json_is_null(value) ? value : NULL;
}

static enum status wrong(struct failure *failure, const char *section, const char *key, const char *kind)
{
    return failure_set(failure, STATUS_INVALID_FILE, "%s%s%s is not %s.", section ? section : "",
                       section ? "." : "", key, kind);
}

static enum status read_numbers(const struct json *document, struct failure *failure, struct config *config)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const struct json *value = look_up(document, numbers[i].section, numbers[i].key);
        int64_t *out = (int64_t *)((char *)config + numbers[i].offset);
        if (value && !json_integer(value, 0, NUMBER_MAX, out))
            return wrong(failure, numbers[i].section, numbers[i].key, "a whole number from 0 to 1000000");
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
        config->image_height = height;
        config->image_width = width;
    }
    return STATUS_OK;
}

enum status config_read_boolean(const struct json *value, const char *section, const char *key,
                                struct failure *failure, int *out)
{
    const char *text = json_text(value); /* Python writes True */
    bool boolean;
    if (text && (!strcasecmp(text, "true") || !strcasecmp(text, "false")))
        *out = !strcasecmp(text, "true");
    else if (json_boolean(value, &boolean))
        *out = boolean;
    else if (value)
        return wrong(failure, section, key, "true or false");
    return STATUS_OK;
}

/* How positions are resized: in a training's configuration, or among a constructor's arguments. */
static enum status read_interpolation(const struct json *document, struct failure *failure,
                                      struct config *config)
{
    static const char *const sections[] = {"student", NULL};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof sections / sizeof *sections && !status; i++) {
        const struct json *offset = look_up(document, sections[i], "interpolate_offset");
        double number;
        if (offset && (!json_number(offset, &number) || !(number >= -1 && number <= 1)))
            return wrong(failure, sections[i], "interpolate_offset", "a number from -1 to 1");
        if (offset)
            config->interpolate_offset = number;
        status = config_read_boolean(look_up(document, sections[i], "interpolate_antialias"), sections[i],
                                     "interpolate_antialias", failure, &config->interpolate_antialias);
    }
    return status;
}

static enum status read_ffn(const struct json *document, struct failure *failure, struct config *config)
{
    int gated = -1;
    const char *training = json_text(look_up(document, "student", "ffn_layer"));
    const char *argument = json_text(look_up(document, NULL, "ffn_layer"));
    const char *activation = json_text(look_up(document, NULL, "hidden_act"));
    enum status status = config_read_boolean(look_up(document, NULL, "use_swiglu_ffn"), NULL,
                                             "use_swiglu_ffn", failure, &gated);
    if (status)
        return status;
    const char *ffn = training ? training : argument ? argument : gated < 0 ? "" : gated ? "swiglu" : "mlp";
    snprintf(config->ffn_layer, sizeof config->ffn_layer, "%s", ffn);
    if (activation && gated != 1 && strcmp(activation, "gelu"))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "hidden_act is '%.40s', which is not supported: only gelu (with the error function) is.",
            activation);
    return STATUS_OK;
}

static bool is_timm(const struct json *document)
{
    return json_text(look_up(document, NULL, "architecture")) &&
           json_is_object(look_up(document, NULL, "pretrained_cfg"));
}

/* Refuses by name what describes a network of another kind. */
static enum status check_kind(const struct json *document, struct failure *failure)
{
    const char *type = json_text(look_up(document, NULL, "model_type"));
    const char *architecture = json_text(look_up(document, NULL, "architecture"));
    if (type && strcmp(type, "dinov2") && strcmp(type, "dinov2_with_registers") &&
        strcmp(type, "dinov2-with-registers"))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "It describes a network of the kind '%.60s'; dinov2 and dinov2_with_registers are supported.",
            type);
    if (is_timm(document) && strncmp(architecture, "vit_", 4))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It describes timm's '%.60s'; of timm's networks vit_*_dinov2 are supported.",
                           architecture);
    return STATUS_OK;
}

static enum status read_document(const struct json *document, struct failure *failure, struct config *config)
{
    const struct json *epsilon = look_up(document, NULL, "layer_norm_eps");
    config->timm = is_timm(document);
    if (epsilon && (!json_number(epsilon, &config->layer_norm_epsilon) || !(config->layer_norm_epsilon > 0)))
        return wrong(failure, NULL, "layer_norm_eps", "a number over 0");
    enum status status = check_kind(document, failure);
    if (!status)
        status = config_parts_read(document, failure, &config->parts);
    if (!status)
        status = read_numbers(document, failure, config);
    if (!status)
        status = read_sizes(document, failure, config);
    if (!status)
        status = read_interpolation(document, failure, config);
    return status ? status : read_ffn(document, failure, config);
}

enum status config_document(struct bytes text, struct failure *failure, struct json **out)
{
    struct failure why;
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

enum status config_parse(struct bytes text, struct failure *failure, struct config *out)
{
    struct json *document;
    enum status status = config_document(text, failure, &document);
    if (status)
        return status;
    struct config config;
    config_init(&config);
    status = read_document(document, failure, &config);
    if (!status)
        *out = config;
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
