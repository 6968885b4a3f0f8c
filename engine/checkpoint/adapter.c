#include "engine/checkpoint/adapter.h"

#include "engine/base/file.h"
#include "engine/checkpoint/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RANK_MAX = 1024 }; /* ranks are 4 to 256: the work of merging grows with it */
#define ALPHA_MAX     1e6
#define MERGE_IN_PEFT "merge the adapter in PEFT (merge_and_unload) and save the model."

/* PEFT's other ways to begin ("pissa", "corda", "olora", "loftq", ...) change the base weights first, and
 * what is trained adapts those. */
static enum status read_beginning(const struct json *document, struct failure *failure,
                                  struct adapter_config *config)
{
    const struct json *value = json_member(document, "init_lora_weights");
    const char *text = json_text(value);
    bool boolean;
    if (!value || json_is_null(value) || json_boolean(value, &boolean) ||
        (text && (!strcmp(text, "gaussian") || !strcmp(text, "eva") || !strcmp(text, "orthogonal"))))
        return STATUS_OK;
    if (!text)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Its \"init_lora_weights\" is neither a text nor true or false.");
    config->changes_base = true;
    snprintf(config->beginning, sizeof config->beginning, "%s", text);
    return STATUS_OK;
}

enum status adapter_check_published(const struct adapter_config *config, struct failure *failure)
{
    if (!config->changes_base)
        return STATUS_OK;
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "Its \"init_lora_weights\" is '%s', which changes the weights that it adapts: " MERGE_IN_PEFT,
        config->beginning);
}

/* The members of PEFT's LoraConfig and of what it extends (peft/tuners/lora/config.py, peft/config.py, 0.18).
 */
enum rule {
    RULE_ANY,    /* says nothing of what is added to the weights, or another member or the tensors say it */
    RULE_SWITCH, /* true or false */
    RULE_OFF,    /* the same, and true is not supported */
    RULE_EMPTY   /* null or empty, and anything else is not supported */
};
static const struct {
    const char *key;
    enum rule rule;
} members[] = {
    {"r", RULE_ANY},
    {"lora_alpha", RULE_ANY},
    {"peft_type", RULE_ANY},
    {"bias", RULE_ANY},
    {"init_lora_weights", RULE_ANY},
    {"task_type", RULE_ANY},
    {"auto_mapping", RULE_ANY},
    {"peft_version", RULE_ANY},
    {"base_model_name_or_path", RULE_ANY},
    {"revision", RULE_ANY},
    {"inference_mode", RULE_ANY},
    {"target_modules", RULE_ANY}, /* this and the next three: adapter_targets.h */
    {"exclude_modules", RULE_ANY},
    {"layers_to_transform", RULE_ANY},
    {"layers_pattern", RULE_ANY},
    {"modules_to_save", RULE_ANY},
    {"lora_dropout", RULE_ANY},
    {"loftq_config", RULE_ANY}, /* this and the next two: of ways to begin */
    {"eva_config", RULE_ANY},
    {"corda_config", RULE_ANY},
    {"megatron_core", RULE_ANY},     /* counts with megatron_config */
    {"qalora_group_size", RULE_ANY}, /* counts with use_qalora */
    {"runtime_config", RULE_ANY},
    {"ensure_weight_tying", RULE_ANY}, /* of embeddings of words */
    {"use_rslora", RULE_SWITCH},
    {"use_dora", RULE_OFF},
    {"use_qalora", RULE_OFF},
    {"fan_in_fan_out", RULE_OFF},
    {"lora_bias", RULE_OFF},
    {"rank_pattern", RULE_EMPTY},
    {"alpha_pattern", RULE_EMPTY},
    {"layer_replication", RULE_EMPTY},
    {"megatron_config", RULE_EMPTY},
    {"trainable_token_indices", RULE_EMPTY},
    {"alora_invocation_tokens", RULE_EMPTY},
    {"target_parameters", RULE_EMPTY},
    {"arrow_config", RULE_EMPTY},
};
static bool is_empty(const struct json *value)
{
    return json_is_null(value) ||
           ((json_is_object(value) || json_is_array(value)) && json_length(value) == 0);
}

static enum status check_member(const struct json *member, struct failure *failure)
{
    const char *key = json_name(member);
    bool on = false;
    const bool is_switch = json_boolean(member, &on) || json_is_null(member);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const enum rule rule = members[i].rule;
        if (strcmp(key, members[i].key))
            continue;
        if ((rule == RULE_SWITCH || rule == RULE_OFF) && !is_switch)
            return failure_set(failure, STATUS_INVALID_FILE, "Its \"%s\" is neither true nor false.", key);
        if ((rule == RULE_OFF && on) || (rule == RULE_EMPTY && !is_empty(member)))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "It has \"%s\", which is not supported: " MERGE_IN_PEFT, key);
        return STATUS_OK;
    }
    if (is_empty(member) || (is_switch && !on)) /* what is off adds nothing, whatever it is */
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "It has \"%.60s\", which this program does not know, and which may change what the "
                       "adapter adds: " MERGE_IN_PEFT,
                       key);
}

/* A text that may be absent, and else is the only one that is supported. */
static enum status check_text(const struct json *document, const char *key, const char *supported,
                              const char *otherwise, struct failure *failure)
{
    const struct json *value = json_member(document, key);
    const char *text = json_text(value);
    if (!value || json_is_null(value) || (text && !strcmp(text, supported)))
        return STATUS_OK;
    return text ? failure_set(failure, STATUS_INVALID_FILE, "Its \"%s\" is '%.40s', and only %s is %s", key,
                              text, supported, otherwise)
                : failure_set(failure, STATUS_INVALID_FILE, "Its \"%s\" is no text.", key);
}

static enum status check_features(const struct json *document, struct failure *failure)
{
    enum status status = check_text(document, "peft_type", "LORA", "merged.", failure);
    if (!status)
        status = check_text(document, "bias", "none", "supported: " MERGE_IN_PEFT, failure);
    const struct json *member = json_is_object(document) ? json_first(document) : NULL;
    for (; member && !status; member = json_next(member))
        status = check_member(member, failure);
    return status;
}

/* Classes of other libraries may have any name. */
static void read_class(const struct json *mapping, char out[ADAPTER_CLASS_BYTES])
{
    const char *class = json_text(json_member(mapping, "base_model_class")),
               *library = json_text(json_member(mapping, "parent_library"));
    const bool known = class && library && name_behind(library, "transformers.");
    snprintf(out, ADAPTER_CLASS_BYTES, "%s", known ? class : "");
}

enum status adapter_parse(struct bytes text, struct failure *failure, struct adapter_config *out)
{
    struct json *document;
    struct adapter_config config = {0};
    enum status status = config_document(text, failure, &document);
    if (status)
        return status;
    status = check_features(document, failure);
    if (!status)
        status = read_beginning(document, failure, &config);
    if (!status && (!json_integer(json_member(document, "r"), 1, RANK_MAX, &config.rank) ||
                    !json_number(json_member(document, "lora_alpha"), &config.alpha) ||
                    !(config.alpha > 0 && config.alpha <= ALPHA_MAX)))
        status = failure_set(failure, STATUS_INVALID_FILE,
                             "It has no \"r\" and \"lora_alpha\" that are numbers over 0, so it is no LoRA "
                             "adapter's.");
    if (!status)
        status = adapter_targets_read(document, failure, &config.targets);
    (void)!json_boolean(json_member(document, "use_rslora"), &config.root_of_rank);
    const char *base = json_text(json_member(document, "base_model_name_or_path"));
    snprintf(config.base, sizeof config.base, "%s", base ? base : "");
    read_class(json_member(document, "auto_mapping"), config.class);
    json_destroy(&document);
    if (!status)
        *out = config;
    return status;
}

enum status adapter_read(const char *path, struct failure *failure, struct adapter_config *out)
{
    struct bytes text;
    enum status status = file_read_text(path, CONFIG_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = adapter_parse(text, failure, out);
    if (status)
        failure_prefix(failure, "%s", path);
    free((void *)text.data);
    return status;
}

/* "facebook/dinov2-base", and no path that is told from it. */
static bool is_published_name(const char *text)
{
    const char *slash = strchr(text, '/');
    return slash && slash != text && slash[1] && !strchr(slash + 1, '/') && !strchr(".~", *text) &&
           !strchr(text, '\\');
}

bool adapter_is_of_another(const struct adapter_config *config, const char *model)
{
    return is_published_name(config->base) && is_published_name(model) && strcasecmp(config->base, model);
}

enum status adapter_check_class(const struct adapter_config *config, const char *model_type,
                                struct failure *failure)
{
    if (!*config->class || !*model_type || config_class_fits(config->class, model_type))
        return STATUS_OK;
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "adapter_config.json says that the adapter was trained on a %.60s, and the configuration of "
        "the weights says model_type: %.60s: they do not belong together.",
        config->class, model_type);
}

/* Every network has a class token: what has none is not the adapted model, or not all of it. */
static enum status refuse_unattached(const struct selection *selection, const char *name,
                                     struct failure *failure)
{
    if (selection_find(selection, "cls_token"))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It holds a LoRA adapter of '%s', and the weights beside it have no such tensor: "
                           "it adapts another "
                           "model, whose files belong beside it.",
                           name);
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "It holds a LoRA adapter ('%s') and not the model that it adapts: copy the adapter, as "
        "adapter_model.safetensors or .bin, and its adapter_config.json into that model's folder, and import "
        "that.",
        name);
}

enum status adapter_attach(struct selection *selection, const struct backbone_name *name,
                           const struct value *value, struct failure *failure)
{
    struct selected *item = selection_item(selection, name->name);
    enum status status = selection_check(name->name, value, failure);
    if (status)
        return status;
    if (!item || (item->piece_count && item->piece_count != name->pieces) ||
        (!item->piece_count && name->pieces != 1))
        return refuse_unattached(selection, name->name, failure);
    if (!item->piece_count) {
        item->piece_count = 1;
        item->pieces[0] = (struct piece){.tensor = item->source, .elements = item->source->elements};
    }
    struct piece *piece = &item->pieces[name->piece];
    const struct stored_tensor **half = name->adapter == ADAPTER_A ? &piece->down : &piece->up;
    if (*half)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It holds two LoRA adapters of '%s', and does not say which is meant.",
                           name->name);
    *half = value->tensor;
    return STATUS_OK;
}

/* B [rows, rank] A [rank, columns] is of the piece's shape; of a convolution all but the first dimension
 * counts as columns. */
static bool fits(const struct piece *piece)
{
    const struct stored_tensor *base = piece->tensor, *up = piece->up, *down = piece->down;
    if (base->rank < 2 || up->rank < 2 || down->rank < 2 || !base->elements || !up->elements ||
        !down->elements)
        return false;
    const size_t rows = base->shape[0], columns = base->elements / rows, rank = down->shape[0];
    return up->shape[0] == rows && up->elements / rows == rank && down->elements / rank == columns;
}

static enum status finish_piece(const char *name, struct piece *piece, const struct adapter_config *config,
                                struct failure *failure)
{
    char base[TENSOR_SHAPE_TEXT_BYTES], up[TENSOR_SHAPE_TEXT_BYTES], down[TENSOR_SHAPE_TEXT_BYTES];
    if (!piece->tensor)
        return STATUS_OK; /* that it is missing is said where the pieces are joined */
    if (!piece->up || !piece->down)
        return failure_set(failure, STATUS_INVALID_FILE, "The LoRA adapter of '%s' has no lora_%s.", name,
                           piece->up ? "A" : "B");
    if (!fits(piece))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The LoRA adapter of '%s', B %s and A %s, does not fit its shape %s.", name,
                           tensor_shape_text(piece->up->rank, piece->up->shape, up),
                           tensor_shape_text(piece->down->rank, piece->down->shape, down),
                           tensor_shape_text(piece->tensor->rank, piece->tensor->shape, base));
    const size_t rank = piece->down->shape[0];
    if (rank > RANK_MAX)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The LoRA adapter of '%s' has rank %zu, over the limit of %d.", name, rank,
                           RANK_MAX);
    if (!(config->alpha > 0))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "It holds a LoRA adapter of '%s' and its scale is not known: give the folder that "
            "adapter_config.json lies in, or the alpha that it was trained with as --lora-alpha N (its "
            "rank is %zu).",
            name, rank);
    if (config->rank && (size_t)config->rank != rank)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The LoRA adapter of '%s' has rank %zu and adapter_config.json says r: %lld: they do not "
            "belong together.",
            name, rank, (long long)config->rank);
    piece->scale = config->alpha / (config->root_of_rank ? sqrt((double)rank) : (double)rank);
    return STATUS_OK;
}

enum status adapter_finish(struct selection *selection, const struct adapter_config *config,
                           struct failure *failure)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < selection->count && !status; i++) {
        struct selected *item = &selection->items[i];
        for (size_t k = 0; k < item->piece_count && !status; k++)
            if (item->pieces[k].up || item->pieces[k].down)
                status = finish_piece(item->name, &item->pieces[k], config, failure);
    }
    return status;
}
