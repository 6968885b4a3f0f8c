#include "engine/checkpoint/config.h"
#include "engine/checkpoint/document.h"

#include <stdio.h>
#include <string.h>

enum { CLASSES_MAX = 1000 * 1000, SIDE_MAX = 1000 * 1000 };

/* Arguments of timm's VisionTransformer that are read elsewhere or below, or that its tensors show, or that
 * no answer depends on. */
static const char *const known[] = {
    "img_size",        "patch_size",      "in_chans",        "num_classes",     "global_pool",
    "embed_dim",       "depth",           "num_heads",       "mlp_ratio",       "qkv_bias",
    "qk_norm",         "proj_bias",       "init_values",     "class_token",     "no_embed_class",
    "reg_tokens",      "pre_norm",        "final_norm",      "fc_norm",         "norm_layer",
    "act_layer",       "drop_rate",       "pos_drop_rate",   "patch_drop_rate", "proj_drop_rate",
    "attn_drop_rate",  "drop_path_rate",  "weight_init",     "fix_init",        "dynamic_img_size",
    "dynamic_img_pad", "strict_img_size", "scale_attn_norm", "scale_mlp_norm",
};

/* Networks of timm whose heads of attention are not 64 wide and whose files say no number of them: it is in
 * the function of their name (timm/models/vision_transformer.py). */
static const struct {
    const char *start;
    int64_t heads;
} of_other_heads[] = {
    {"vit_huge_", 16}, {"vit_giant_patch14_224", 16}, {"vit_giant_patch14_clip", 16}, {"vit_gigantic_", 16}};

static const struct json *argument(const struct json *document, const char *name)
{
    const struct json *value = json_member(json_member(document, "model_args"), name);
    return json_is_null(value) ? NULL : value;
}

static enum status refuse(struct failure *failure, const char *name, const char *what)
{
    return failure_set(failure, STATUS_INVALID_FILE, "model_args.%.60s %s.", name, what);
}

/* One that is off, or absent, does nothing. */
static enum status check_arguments(const struct json *document, struct failure *failure)
{
    const struct json *arguments = json_member(document, "model_args");
    for (const struct json *at = json_is_object(arguments) ? json_first(arguments) : NULL; at;
         at = json_next(at)) {
        bool is_known = json_is_null(at), on;
        for (size_t i = 0; i < sizeof known / sizeof *known && !is_known; i++)
            is_known = !strcmp(json_name(at), known[i]);
        if (!is_known && (!json_boolean(at, &on) || on))
            return refuse(failure, json_name(at),
                          "changes the network in a way that this program does not know");
    }
    return STATUS_OK;
}

/* Switches of networks that this one is none of, whose tensors may be left out of a file. */
static enum status check_switches(const struct json *document, struct failure *failure)
{
    static const struct {
        const char *name;
        bool supported;
    } switches[] = {{"pre_norm", false}, {"final_norm", true},       {"class_token", true},
                    {"qk_norm", false},  {"scale_attn_norm", false}, {"scale_mlp_norm", false}};
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        const struct json *value = argument(document, switches[i].name);
        bool on;
        if (value && !json_boolean(value, &on))
            return refuse(failure, switches[i].name, "is neither true nor false");
        if (value && on != switches[i].supported)
            return refuse(failure, switches[i].name,
                          on ? "is true, which is not supported" : "is false, which is not supported");
    }
    return STATUS_OK;
}

/* Networks of another kind, as a part of their name says (timm/models/vision_transformer.py and
 * vision_transformer_relpos.py). */
static enum status check_architecture(const char *architecture, struct failure *failure)
{
    static const char *const others[] = {"quickgelu", "relpos", "_rpn", "_gap"};
    bool other = strncmp(architecture, "vit_", 4) != 0;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        other = other || strstr(architecture, others[i]);
    if (!other)
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "It describes timm's '%.60s'; of timm's networks vit_*_dinov2 are supported.",
                       architecture);
}

/* Layers that tensors do not show: timm's LayerNorm has an epsilon of 1e-6. */
static enum status read_layers(const struct json *document, struct failure *failure, struct config *config)
{
    const struct json *norm = argument(document, "norm_layer"), *activation = argument(document, "act_layer"),
                      *channels = argument(document, "in_chans");
    int64_t three;
    if (norm && (!json_text(norm) || strcmp(json_text(norm), "layernorm")))
        return refuse(failure, "norm_layer", "is not supported: layernorm is");
    if (activation && !json_text(activation))
        return refuse(failure, "act_layer", "is no name");
    if (channels && !json_integer(channels, 3, 3, &three))
        return refuse(failure, "in_chans", "is not 3, which alone is supported");
    snprintf(config->activation, sizeof config->activation, "%s", activation ? json_text(activation) : "");
    return STATUS_OK;
}

/* Without "fc_norm" the pools of patch tokens have a LayerNorm behind them, in the place of the last one. */
static enum status read_pooling(const struct json *document, struct failure *failure, struct config *config)
{
    const struct json *value = argument(document, "global_pool"), *norm = argument(document, "fc_norm"),
                      *other = json_member(document, "global_pool");
    if (value && json_text(value) && json_text(other) && strcmp(json_text(value), json_text(other)))
        return refuse(failure, "global_pool", "is not the global_pool that the file says of the model");
    value = value ? value : other;
    const char *pool = json_text(value);
    bool behind = pool && strcmp(pool, "token") && strcmp(pool, "map");
    if (norm && !json_boolean(norm, &behind))
        return refuse(failure, "fc_norm", "is neither true nor false");
    if (value && !json_is_null(value) && !pool)
        return failure_set(failure, STATUS_INVALID_FILE, "global_pool is no name.");
    config->pooling = !pool                               ? POOLING_NOT_SAID
                      : !strcmp(pool, "token") && !behind ? POOLING_CLASS
                      : !strcmp(pool, "avg") && !behind   ? POOLING_MEAN
                                                          : POOLING_OTHER;
    return STATUS_OK;
}

/* timm's own files may keep those of the weights that a model began with in pretrained_cfg. */
static enum status read_classes(const struct json *document, struct failure *failure, struct config *config)
{
    const struct json *value = argument(document, "num_classes"),
                      *other = json_member(document, "num_classes");
    int64_t count, others;
    if (json_integer(value, 0, CLASSES_MAX, &count) && json_integer(other, 0, CLASSES_MAX, &others) &&
        count != others)
        return refuse(failure, "num_classes", "is not the num_classes that the file says of the model");
    value = value ? value : other;
    value = value ? value : json_member(json_member(document, "pretrained_cfg"), "num_classes");
    if (value && !json_is_null(value) && !json_integer(value, 0, CLASSES_MAX, &config->classes))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "num_classes is not a whole number from 0 to 1000000.");
    return STATUS_OK;
}

/* What positions are made for where model_args say no size: channels, height and width. */
static enum status read_input(const struct json *document, struct failure *failure, struct config *config)
{
    const struct json *value = json_member(json_member(document, "pretrained_cfg"), "input_size");
    value = value ? value : json_member(document, "input_size");
    const struct json *height =
        json_is_array(value) && json_length(value) == 3 ? json_next(json_first(value)) : NULL;
    if (!value || json_is_null(value))
        return STATUS_OK;
    if (!height || !json_integer(height, 1, SIDE_MAX, &config->input_height) ||
        !json_integer(json_next(height), 1, SIDE_MAX, &config->input_width))
        return failure_set(failure, STATUS_INVALID_FILE, "input_size is not three whole numbers over 0.");
    return STATUS_OK;
}

enum status config_read_timm(const struct json *document, struct failure *failure, struct config *config)
{
    const char *architecture = json_text(json_member(document, "architecture"));
    enum status status = check_architecture(architecture, failure);
    if (status)
        return status;
    for (size_t i = 0; config->attention_heads < 0 && i < sizeof of_other_heads / sizeof *of_other_heads; i++)
        if (!strncmp(architecture, of_other_heads[i].start, strlen(of_other_heads[i].start)))
            config->attention_heads = of_other_heads[i].heads;
    status = check_arguments(document, failure);
    if (!status)
        status = check_switches(document, failure);
    if (!status)
        status = config_read_boolean(argument(document, "no_embed_class"), "model_args", "no_embed_class",
                                     failure, &config->no_class_position);
    if (!status)
        status = read_layers(document, failure, config);
    if (!status)
        status = read_pooling(document, failure, config);
    if (!status)
        status = read_input(document, failure, config);
    return status ? status : read_classes(document, failure, config);
}
