#include "engine/checkpoint/adapter_targets.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct json *find(const struct json *document, const char *key)
{
    const struct json *value = json_member(document, key);
    return value && !json_is_null(value) ? value : NULL;
}

static enum status wrong(struct failure *failure, const char *key, const char *what)
{
    return failure_set(failure, STATUS_INVALID_FILE, "Its \"%s\" %s.", key, what);
}

static enum status read_names(const struct json *value, const char *key, struct failure *failure,
                              struct adapter_names *out)
{
    const char *expression = json_text(value);
    if (expression && adapter_expression_read(expression, out->expression))
        return STATUS_OK;
    if (expression)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Its \"%s\" is the expression '%.80s', which this program cannot evaluate: write "
                           "the names of the modules as a list, or merge the adapter in PEFT "
                           "(merge_and_unload) and save the model.",
                           key, expression);
    if (!json_is_array(value))
        return wrong(failure, key, "is neither a text nor a list of texts");
    for (const struct json *at = json_first(value); at; at = json_next(at)) {
        const char *text = json_text(at);
        if (!text || !*text)
            return wrong(failure, key, "is neither a text nor a list of texts");
        if (out->count == ADAPTER_NAMES_MAX || strlen(text) >= ADAPTER_NAME_BYTES)
            return wrong(failure, key, "has over 32 names, or one of over 127 bytes");
        snprintf(out->items[out->count++], ADAPTER_NAME_BYTES, "%s", text);
    }
    return STATUS_OK;
}

/* The pattern is the name of the list that the blocks are in. */
static bool is_of_blocks(const char *pattern)
{
    return pattern && (!strcmp(pattern, "layer") || !strcmp(pattern, "layers") || !strcmp(pattern, "blocks"));
}

static enum status read_layers(const struct json *document, struct failure *failure,
                               struct adapter_targets *out)
{
    const struct json *value = find(document, "layers_to_transform"),
                      *pattern = find(document, "layers_pattern");
    const bool list = json_is_array(value);
    const struct json *at = list ? json_first(value) : value;
    out->of_layers = at != NULL;
    for (; at; at = list ? json_next(at) : NULL) {
        int64_t layer;
        if (!json_integer(at, 0, ADAPTER_LAYERS_MAX - 1, &layer))
            return wrong(failure, "layers_to_transform", "is no number of a block, nor a list of them");
        out->layers[layer] = true;
    }
    const bool patterns = json_is_array(pattern);
    for (at = patterns ? json_first(pattern) : pattern; at; at = patterns ? json_next(at) : NULL)
        if (!is_of_blocks(json_text(at)))
            return wrong(failure, "layers_pattern", "names no list of blocks that this program knows");
    return STATUS_OK;
}

enum status adapter_targets_read(const struct json *document, struct failure *failure,
                                 struct adapter_targets *out)
{
    struct adapter_targets targets = {0};
    const struct json *names = find(document, "target_modules"),
                      *excluded = find(document, "exclude_modules"),
                      *saved = find(document, "modules_to_save");
    const char *text = json_text(names);
    enum status status = STATUS_OK;
    targets.said = names != NULL;
    targets.all_linear = text && !strcasecmp(text, "all-linear");
    if (names && !targets.all_linear)
        status = read_names(names, "target_modules", failure, &targets.names);
    if (!status && excluded)
        status = read_names(excluded, "exclude_modules", failure, &targets.excluded);
    if (!status && saved && !json_is_array(saved))
        status = wrong(failure, "modules_to_save", "is no list of texts");
    if (!status && saved)
        status = read_names(saved, "modules_to_save", failure, &targets.saved);
    /* PEFT takes names by their ends: "patch_embeddings" within is wrapped as well, and what it saves of the
     * two is not what it trained */
    for (size_t i = 0; i < targets.saved.count && !status; i++)
        if (!strcmp(targets.saved.items[i], "embeddings"))
            status = wrong(failure, "modules_to_save",
                           "names 'embeddings', of which PEFT does not save all: merge the adapter in PEFT "
                           "(merge_and_unload) and save the model");
    if (!status)
        status = read_layers(document, failure, &targets);
    if (!status)
        *out = targets;
    return status;
}

static bool ends_with(const char *key, const char *end)
{
    const size_t length = strlen(key), tail = strlen(end);
    return length >= tail && !strcmp(key + length - tail, end) &&
           (length == tail || key[length - tail - 1] == '.');
}

/* A whole path of the model that was trained may be longer than that of the file. */
static bool has_name(const struct adapter_names *names, const char *key)
{
    if (*names->expression)
        return adapter_expression_matches(names->expression, key);
    for (size_t i = 0; i < names->count; i++)
        if (ends_with(key, names->items[i]) || ends_with(names->items[i], key))
            return true;
    return false;
}

bool adapter_targets_mean(const struct adapter_targets *targets, const char *key, const char *name)
{
    unsigned block;
    const bool in_block = sscanf(name, "blocks.%u.", &block) == 1;
    if (has_name(&targets->excluded, key))
        return false;
    if (targets->of_layers && (!in_block || block >= ADAPTER_LAYERS_MAX || !targets->layers[block]))
        return false;
    return targets->all_linear ? in_block : has_name(&targets->names, key);
}

bool adapter_targets_saved(const struct adapter_targets *targets, size_t i, const char *key)
{
    const char *name = targets->saved.items[i];
    const size_t length = strlen(name);
    for (const char *at = strstr(key, name); at; at = strstr(at + 1, name))
        if ((at == key || at[-1] == '.') && at[length] == '.')
            return true;
    return false;
}
