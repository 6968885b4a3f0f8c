#include "engine/checkpoint/settings.h"

#include "engine/base/json.h"
#include "engine/checkpoint/agreement.h"

#include <math.h>
#include <string.h>

enum { DEPTH_MAX = 4, VALUES_MAX = 1 << 14 };

/* A training may mean other things by these, and its own network by none of them. */
static const char *const others[] = {
    "model_type",          "architecture", "architectures",           "auto_map",    "num_channels",
    "quantization_config", "use_rope",     "position_embedding_type", "model_class", "in_chans",
};

static bool is_other(const char *name)
{
    bool other = false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        other = other || !strcmp(others[i], name);
    return other;
}

static struct json *to_json(const struct value *value, int depth, size_t *left);

static struct json *dict_to_json(const struct value *dict, int depth, size_t *left)
{
    struct json *object = json_object();
    for (size_t i = 0; i < dict->sequence.count && *left; i += 2) {
        const struct value *key = dict->sequence.items[i];
        struct json *item = value_is_name(key) && !is_other(key->text.data)
                                ? to_json(dict->sequence.items[i + 1], depth + 1, left)
                                : NULL;
        if (item)
            json_set(object, key->text.data, item);
    }
    return object;
}

/* NULL: it is no plain data. */
static struct json *to_json(const struct value *value, int depth, size_t *left)
{
    if (!*left || depth > DEPTH_MAX)
        return NULL;
    --*left;
    switch (value->kind) {
    case VALUE_BOOLEAN:
        return json_boolean_value(value->boolean);
    case VALUE_INTEGER:
        return json_number_value((double)value->integer);
    case VALUE_NUMBER:
        return isfinite(value->number) ? json_number_value(value->number) : NULL;
    case VALUE_TEXT:
        return value_is_name(value) ? json_text_value(value->text.data) : NULL;
    case VALUE_DICT:
        return dict_to_json(value, depth, left);
    case VALUE_LIST:
    case VALUE_TUPLE: {
        struct json *array = json_array();
        for (size_t i = 0; i < value->sequence.count && *left; i++) {
            struct json *item = to_json(value->sequence.items[i], depth + 1, left);
            if (item)
                json_append(array, item);
        }
        return array;
    }
    default:
        return NULL;
    }
}

static enum status differ(const char *name, const char *key, double said, double taken,
                          struct failure *failure)
{
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "Its '%s' say %s: %g, and without a configuration it is %g here: give what is right as "
        "--config.",
        name, key, said, taken);
}

static enum status check_activation(const char *name, const struct json *document, struct failure *failure)
{
    static const char *const known[] = {"gelu", "silu", "swish", "swiglu"};
    const char *layer = json_text(json_member(document, "act_layer"));
    bool fits = !layer;
    for (size_t i = 0; i < sizeof known / sizeof *known && !fits; i++)
        fits = strcasestr(layer, known[i]) != NULL;
    return fits ? STATUS_OK
                : failure_set(failure, STATUS_INVALID_FILE,
                              "Its '%s' say act_layer: %.40s, which is not supported: gelu is, or silu with "
                              "swiglu.",
                              name, layer);
}

/* What shapes do not show. */
static enum status check_choices(const char *name, const struct config *config,
                                 const struct backbone_card *card, struct failure *failure)
{
    if (config->layer_norm_epsilon > 0 && config->layer_norm_epsilon != card->layer_norm_epsilon)
        return differ(name, "layer_norm_eps", config->layer_norm_epsilon, card->layer_norm_epsilon, failure);
    if (config->interpolate_offset > CONFIG_NOT_SAID &&
        config->interpolate_offset != card->interpolate_offset)
        return differ(name, "interpolate_offset", config->interpolate_offset, card->interpolate_offset,
                      failure);
    if (config->interpolate_antialias >= 0 && config->interpolate_antialias != card->interpolate_antialias)
        return differ(name, "interpolate_antialias", config->interpolate_antialias,
                      card->interpolate_antialias, failure);
    return STATUS_OK;
}

static enum status check(const char *name, const struct value *settings, const struct backbone_card *card,
                         const struct selection *selection, bool chosen, struct failure *failure)
{
    struct config config;
    size_t left = VALUES_MAX;
    struct json *document = dict_to_json(settings, 0, &left);
    enum status status = check_activation(name, document, failure);
    if (!status && !config_take(document, NULL, &config)) { /* else they say nothing of a network */
        config.attention_heads = config.attention_heads < 0 ? card->heads : config.attention_heads;
        status = agreement_check(&config, card, selection, failure);
        if (status)
            failure_prefix(failure, "'%s' in it", name);
        else if (!chosen)
            status = check_choices(name, &config, card, failure);
    }
    json_destroy(&document);
    return status;
}

enum status settings_check(const struct state *place, const struct backbone_card *card,
                           const struct selection *selection, bool chosen, struct failure *failure)
{
    static const char *const names[] = {"hyper_parameters", "hparams",   "args", "config", "cfg",
                                        "model_config",     "model_args"};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < place->depth; i++)
        for (size_t k = 0; k < sizeof names / sizeof *names && !status; k++) {
            const struct value *settings = value_member(place->within[i], names[k]);
            if (settings && settings->kind == VALUE_DICT)
                status = check(names[k], settings, card, selection, chosen, failure);
        }
    return status;
}
