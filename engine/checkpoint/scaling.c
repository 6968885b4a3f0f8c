#include "engine/checkpoint/scaling.h"

#include <string.h>

enum { DEPTH_MAX = 16 };

/* Whether values under this name scale features, pictures or outputs: "scaler_mean", "var_", "temperature".
 */
static bool is_of_scaling(const char *name)
{
    static const char *const ends[] = {"mean", "std", "scale", "var", "temperature"};
    size_t length = strlen(name);
    while (length && name[length - 1] == '_')
        length--;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t tail = strlen(ends[i]);
        if (length >= tail && !strncmp(name + length - tail, ends[i], tail))
            return true;
    }
    return false;
}

static bool is_number(const struct value *value)
{
    return value->kind == VALUE_NUMBER || value->kind == VALUE_INTEGER;
}

bool scaling_is(const char *name, const struct value *value)
{
    enum { CHANNELS = 3 };
    const bool list = value->kind == VALUE_LIST || value->kind == VALUE_TUPLE;
    if (!is_of_scaling(name))
        return false;
    if (strstr(name, "temperature") && is_number(value))
        return (value->kind == VALUE_NUMBER ? value->number : (double)value->integer) != 1;
    return list && value->sequence.count > CHANNELS && is_number(value->sequence.items[0]);
}

/* The key of the first such values in a dict, or NULL. */
static const struct value *search(const struct value *value, int depth, size_t *left)
{
    const struct value *found = NULL;
    for (size_t i = 0; value->kind == VALUE_DICT && i < value->sequence.count && *left && !found; i += 2) {
        const struct value *key = value->sequence.items[i], *item = value->sequence.items[i + 1];
        --*left;
        if (value_is_name(key) && scaling_is(key->text.data, item))
            return key;
        found = depth < DEPTH_MAX ? search(item, depth + 1, left) : NULL;
    }
    return found;
}

const struct value *scaling_within(const struct value *value, size_t *left)
{
    return search(value, 0, left);
}
