#include "engine/checkpoint/config.h"

#include <stddef.h>
#include <string.h>

static enum status differ(const char *path, const char *other_path, const char *key, struct failure *failure)
{
    const char *slash = strrchr(path, '/'), *other_slash = strrchr(other_path, '/');
    return failure_set(failure, STATUS_INVALID_FILE,
                       "%.80s and %.80s differ in %s: give the one that is right as --config, or remove the "
                       "other.",
                       slash ? slash + 1 : path, other_slash ? other_slash + 1 : other_path, key);
}

enum status config_merge(const char *path, const struct config *other, const char *other_path,
                         struct failure *failure, struct config *config)
{
    const struct {
        const char *key;
        size_t offset;
    } keys[] = {{"patch_size", offsetof(struct config, patch_size)},
                {"num_register_tokens", offsetof(struct config, registers)},
                {"hidden_size", offsetof(struct config, width)},
                {"num_hidden_layers", offsetof(struct config, depth)},
                {"num_attention_heads", offsetof(struct config, attention_heads)},
                {"the image's height", offsetof(struct config, image_height)},
                {"the image's width", offsetof(struct config, image_width)},
                {"num_classes", offsetof(struct config, classes)}};
    struct config both = *config;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int64_t *mine = (int64_t *)((char *)&both + keys[i].offset);
        const int64_t theirs = *(const int64_t *)((const char *)other + keys[i].offset);
        if (*mine >= 0 && theirs >= 0 && *mine != theirs)
            return differ(path, other_path, keys[i].key, failure);
        *mine = *mine < 0 ? theirs : *mine;
    }
    const bool offset = other->interpolate_offset > CONFIG_NOT_SAID, epsilon = other->layer_norm_epsilon > 0;
    if (offset && both.interpolate_offset > CONFIG_NOT_SAID &&
        both.interpolate_offset != other->interpolate_offset)
        return differ(path, other_path, "interpolate_offset", failure);
    if (other->interpolate_antialias >= 0 && both.interpolate_antialias >= 0 &&
        both.interpolate_antialias != other->interpolate_antialias)
        return differ(path, other_path, "interpolate_antialias", failure);
    if (epsilon && both.layer_norm_epsilon > 0 && both.layer_norm_epsilon != other->layer_norm_epsilon)
        return differ(path, other_path, "layer_norm_eps", failure);
    if (*other->ffn_layer && *both.ffn_layer &&
        config_ffn_is_gated(other->ffn_layer) != config_ffn_is_gated(both.ffn_layer))
        return differ(path, other_path, "ffn_layer", failure);
    both.interpolate_offset = offset ? other->interpolate_offset : both.interpolate_offset;
    both.interpolate_antialias =
        other->interpolate_antialias >= 0 ? other->interpolate_antialias : both.interpolate_antialias;
    both.layer_norm_epsilon = epsilon ? other->layer_norm_epsilon : both.layer_norm_epsilon;
    if (!*both.ffn_layer)
        memcpy(both.ffn_layer, other->ffn_layer, sizeof both.ffn_layer);
    if (!*both.model)
        memcpy(both.model, other->model, sizeof both.model);
    const char *part = config_parts_merge(&other->parts, &both.parts);
    if (part)
        return differ(path, other_path, part, failure);
    if (other->timm) { /* which one of two files is, at most */
        both.timm = true;
        both.no_class_position = other->no_class_position;
        both.input_height = other->input_height;
        both.input_width = other->input_width;
        both.pooling = other->pooling;
        memcpy(both.activation, other->activation, sizeof both.activation);
    }
    *config = both;
    return STATUS_OK;
}

enum status config_read_folder(const struct folder *folder, struct failure *failure, struct config *out)
{
    struct config config, other;
    config_init(&config);
    enum status status = folder->config ? config_read(folder->config, failure, &config) : STATUS_OK;
    if (!status && folder->config_json && strcmp(folder->config, folder->config_json)) {
        status = config_read(folder->config_json, failure, &other);
        if (!status)
            status = config_merge(folder->config, &other, folder->config_json, failure, &config);
    }
    if (!status)
        *out = config;
    return status;
}
