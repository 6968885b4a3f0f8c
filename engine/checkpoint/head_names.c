#include "engine/checkpoint/head_names.h"

#include "engine/package/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool copy(char out[NAME_BYTES], const char *text, size_t length)
{
    if (length >= NAME_BYTES)
        return false;
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

static const char *const linear_parts[] = {"linear.weight", "linear.bias", NULL};

static bool is_gloris(const char *name)
{
    size_t i = 0;
    while (glori_tensor_name(i) && strcmp(glori_tensor_name(i), name))
        i++;
    return glori_tensor_name(i) != NULL;
}

enum name_kind name_of_head(const char *key, char candidate[NAME_BYTES], char out[NAME_BYTES])
{
    struct backbone_name ignored;
    char without[KEY_BYTES_MAX];
    candidate[0] = '\0';
    const enum name_copy which = name_copy_of(key, without);
    const char *whole = key;
    key = which == COPY_TRAINED ? without : key;
    const char *rest = name_behind(key = name_strip(key), "classifiers_dict.");
    copy(out, key, strnlen(key, NAME_BYTES - 1));
    if (rest) {
        size_t length = strcspn(rest, ".");
        if (!rest[length] || !copy(candidate, rest, length))
            return NAME_UNKNOWN;
        key = name_strip(rest + length + 1);
    }
    const char *decoder = name_behind(key, "decoder.");
    const char *name = decoder ? decoder : key;
    if ((decoder || !rest) && !strcmp(name, "query_embed.weight"))
        name = "query_embed";
    const bool bare = !decoder && !rest && is_gloris(name);
    if (which == COPY_ORIGINAL || (!decoder && !rest && !bare && !name_behind(key, "linear.")))
        return name_of_backbone(whole, &ignored) == NAME_UNKNOWN ? NAME_UNKNOWN : NAME_HARMLESS;
    copy(out, name, strnlen(name, NAME_BYTES - 1));
    return (decoder || bare ? is_gloris(name) : name_is_listed(linear_parts, name)) ? NAME_KNOWN
                                                                                    : NAME_UNKNOWN;
}

bool name_is_of_any_layer(const char *name)
{
    return name_behind(name, "layers.") != NULL;
}

bool name_nearest_of_head(const char *name, char out[NAME_BYTES])
{
    size_t nearest = SIZE_MAX;
    name = name_strip(name);
    if (strnlen(name, KEY_BYTES_MAX) == KEY_BYTES_MAX)
        return false;
    for (size_t i = 0; glori_tensor_name(i); i++)
        name_consider(name, glori_tensor_name(i), &nearest, out);
    for (const char *const *part = linear_parts; *part; part++)
        name_consider(name, *part, &nearest, out);
    return nearest != SIZE_MAX;
}

/* What a candidate's name says of the authors' form, "linear:blocks=4:avgpool=False:lr=0_0005" (their
 * setup_linear_classifiers and setup_glori): what follows "<word>=" at the start of one of the parts that
 * colons separate, *length bytes of it, or NULL. */
static const char *part_of(const char *candidate, const char *word, size_t *length)
{
    size_t behind = strlen(word);
    for (const char *part = candidate; part; part = strchr(part, ':')) {
        part += *part == ':';
        if (!strncmp(part, word, behind) && part[behind] == '=') {
            *length = strcspn(part + behind + 1, ":");
            return part + behind + 1;
        }
    }
    return NULL;
}

/* The same of DINOv2's form, "classifier_4_blocks_avgpool_False_lr_0_00050" (dinov2/eval/linear.py,
 * setup_linear_classifiers). */
static const char *number_of(const char *candidate, size_t *length)
{
    const char *number = name_behind(candidate, "classifier_");
    if (!number)
        return NULL;
    *length = strspn(number, "0123456789");
    return name_behind(number + *length, "_blocks_avgpool_") ? number : NULL;
}

bool candidate_blocks(const char *candidate, uint32_t *out)
{
    size_t length = 0;
    const char *value = part_of(candidate, "blocks", &length);
    value = value ? value : number_of(candidate, &length);
    if (!value || length == 0 || length > 4 || strspn(value, "0123456789") < length)
        return false;
    unsigned long blocks = strtoul(value, NULL, 10);
    if (blocks < 1 || blocks > 1000)
        return false;
    *out = (uint32_t)blocks;
    return true;
}

bool candidate_average_pool(const char *candidate, bool *out)
{
    size_t length = 0;
    const char *value = part_of(candidate, "avgpool", &length);
    if (!value && (value = number_of(candidate, &length))) {
        value = name_behind(value + length, "_blocks_avgpool_");
        length = strcspn(value, "_");
    }
    const bool is_true = value && length == 4 && !strncmp(value, "True", length),
               is_false = value && length == 5 && !strncmp(value, "False", length);
    if (is_true || is_false)
        *out = is_true;
    return is_true || is_false;
}
