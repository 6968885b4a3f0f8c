#include "engine/checkpoint/adapter.h"

#include "engine/base/file.h"
#include "engine/checkpoint/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANK_MAX = 1024 }; /* ranks are 4 to 256: the work of merging grows with it */
#define ALPHA_MAX 1e6

/* Whether a member is there and says something: true, or an object or array that is not empty. */
static bool is_set(const struct json *document, const char *key)
{
    const struct json *value = json_member(document, key);
    bool boolean = false;
    (void)!json_boolean(value, &boolean);
    return boolean || json_length(value) > 0;
}

/* PEFT's other ways to begin ("pissa", "corda", "olora", "loftq", ...) change the base weights first, and
 * what is trained adapts those. */
static enum status read_beginning(const struct json *document, struct failure *failure,
                                  struct adapter_config *config)
{
    const struct json *value = json_member(document, "init_lora_weights");
    const char *text = json_text(value);
    bool boolean;
    if (!value || json_is_null(value) || json_boolean(value, &boolean) ||
        (text && (!strcmp(text, "gaussian") || !strcmp(text, "eva"))))
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
        "Its \"init_lora_weights\" is '%s', which changes the weights that it adapts: merge the "
        "adapter in PEFT (merge_and_unload) and save the model.",
        config->beginning);
}

static enum status check_features(const struct json *document, struct failure *failure)
{
    static const char *const not_merged[] = {"rank_pattern",   "alpha_pattern", "use_dora",
                                             "fan_in_fan_out", "lora_bias",     "layer_replication"};
    const char *type = json_text(json_member(document, "peft_type"));
    const char *bias = json_text(json_member(document, "bias"));
    if (type && strcmp(type, "LORA"))
        return failure_set(failure, STATUS_INVALID_FILE, "Its peft_type is '%.40s', and only LORA is merged.",
                           type);
    for (size_t i = 0; i < sizeof not_merged / sizeof *not_merged; i++)
        if (is_set(document, not_merged[i]))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "It has \"%s\", which is not supported: merge the adapter in PEFT "
                               "(merge_and_unload) and save the model.",
                               not_merged[i]);
    if (bias && strcmp(bias, "none"))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Its \"bias\" is '%.40s', and only none is supported: merge the adapter in PEFT "
                           "(merge_and_unload) and save the model.",
                           bias);
    return STATUS_OK;
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
    config.root_of_rank = is_set(document, "use_rslora");
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

enum status adapter_attach(struct selection *selection, const struct backbone_name *name,
                           const struct value *value, struct failure *failure)
{
    struct selected *item = selection_item(selection, name->name);
    enum status status = selection_check(name->name, value, failure);
    if (status)
        return status;
    if (!item || (item->piece_count && item->piece_count != name->pieces) ||
        (!item->piece_count && name->pieces != 1))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "It holds a LoRA adapter of '%s', but not that tensor: put the model's files and the "
            "adapter's into one folder.",
            name->name);
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
            "It holds a LoRA adapter of '%s' and its scale is not known: put adapter_config.json into "
            "the folder, or give the alpha that it was trained with as --lora-alpha N (its rank is "
            "%zu).",
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
