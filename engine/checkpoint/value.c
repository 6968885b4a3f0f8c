#include "engine/checkpoint/value.h"

#include <stdio.h>
#include <string.h>

enum { WALK_DEPTH_MAX = 16, WALK_VALUES_MAX = 1000 * 1000, WALK_PATH_BYTES = 512 };

const struct value *value_member(const struct value *dict, const char *key)
{
    if (!dict || dict->kind != VALUE_DICT)
        return NULL;
    size_t length = strlen(key);
    for (size_t i = dict->sequence.count; i >= 2; i -= 2) {
        const struct value *name = dict->sequence.items[i - 2];
        if (name->kind == VALUE_TEXT && name->text.length == length && !memcmp(name->text.data, key, length))
            return dict->sequence.items[i - 1];
    }
    return NULL;
}

bool value_is_tensor(const struct value *value)
{
    switch (value->kind) {
    case VALUE_TENSOR:
    case VALUE_STORAGE:
    case VALUE_MODULE:
    case VALUE_UNREAD:
        return true;
    default:
        return value->kind == VALUE_INERT && value->keeps_tensors;
    }
}

bool value_is_name(const struct value *key)
{
    return key->kind == VALUE_TEXT && strlen(key->text.data) == key->text.length;
}

const char *value_describe(const struct value *value, char *text, size_t size)
{
    static const char *const kinds[] = {
        [VALUE_NONE] = "None",       [VALUE_BOOLEAN] = "a boolean", [VALUE_INTEGER] = "a whole number",
        [VALUE_NUMBER] = "a number", [VALUE_TEXT] = "a text",       [VALUE_TUPLE] = "a tuple",
        [VALUE_LIST] = "a list",     [VALUE_DICT] = "a dict",       [VALUE_STORAGE] = "a storage",
        [VALUE_TENSOR] = "a tensor",
    };
    if (value->kind == VALUE_GLOBAL)
        snprintf(text, size, "the name '%.80s'", value->name);
    else if (value->kind == VALUE_MODULE)
        snprintf(text, size, "a module of the class '%.80s'", value->name);
    else if (value->kind == VALUE_INERT)
        snprintf(text, size, "an object made by '%.80s'", value->name);
    else if (value->kind == VALUE_UNREAD)
        snprintf(text, size, "a tensor of %.80s", value->name);
    else if (value->kind == VALUE_TENSOR && !tensor_type_is_float(value->tensor->type))
        snprintf(text, size, "a tensor of %s", tensor_type_name(value->tensor->type));
    else
        snprintf(text, size, "%s", kinds[value->kind]);
    return text;
}

const char *value_key(const struct value *key, char *text, size_t size)
{
    if (key->kind == VALUE_TEXT)
        snprintf(text, size, "%s", key->text.data);
    else if (key->kind == VALUE_INTEGER)
        snprintf(text, size, "%lld", (long long)key->integer);
    else
        return value_describe(key, text, size);
    return text;
}

struct walk {
    void (*visit)(void *context, const char *path, const struct stored_tensor *tensor);
    void *context;
    char path[WALK_PATH_BYTES];
    size_t values;
};

/* Appends ".name" to the path; returns the length to cut it to afterwards. */
static size_t enter(struct walk *walk, const struct value *key, size_t index)
{
    size_t length = strlen(walk->path);
    char *end = walk->path + length;
    size_t room = sizeof walk->path - length;
    const char *dot = length ? "." : "";
    if (key && key->kind == VALUE_TEXT)
        snprintf(end, room, "%s%s", dot, key->text.data);
    else if (key && key->kind == VALUE_INTEGER)
        snprintf(end, room, "%s%lld", dot, (long long)key->integer);
    else
        snprintf(end, room, "%s%zu", dot, index);
    return length;
}

static bool walk_value(struct walk *walk, const struct value *value, int depth)
{
    if (++walk->values > WALK_VALUES_MAX || depth > WALK_DEPTH_MAX)
        return false;
    if (value->kind == VALUE_TENSOR)
        walk->visit(walk->context, walk->path, value->tensor);
    if (value->kind != VALUE_DICT && value->kind != VALUE_LIST && value->kind != VALUE_TUPLE)
        return true;
    bool whole = true;
    size_t step = value->kind == VALUE_DICT ? 2 : 1;
    for (size_t i = 0; i < value->sequence.count && walk->values <= WALK_VALUES_MAX; i += step) {
        size_t length = enter(walk, step == 2 ? value->sequence.items[i] : NULL, i / step);
        whole = walk_value(walk, value->sequence.items[i + step - 1], depth + 1) && whole;
        walk->path[length] = '\0';
    }
    return whole;
}

bool value_walk(const struct value *value,
                void (*visit)(void *context, const char *path, const struct stored_tensor *tensor),
                void *context)
{
    struct walk walk = {.visit = visit, .context = context};
    return walk_value(&walk, value, 0);
}
