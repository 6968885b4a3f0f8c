#include "engine/checkpoint/value.h"

#include <stdio.h>
#include <string.h>

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
    else if (value->kind == VALUE_INERT)
        snprintf(text, size, "an object made by '%.80s'", value->name);
    else
        snprintf(text, size, "%s", kinds[value->kind]);
    for (char *c = text; *c; c++) { /* names come from the file: nothing that moves a terminal's cursor */
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    return text;
}
