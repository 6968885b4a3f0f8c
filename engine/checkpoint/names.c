#include "engine/checkpoint/names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text behind `prefix`, or NULL. */
static const char *behind(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) ? NULL : text + length;
}

/* Strips what wrappers put before every name of a model. */
static const char *strip(const char *key)
{
    static const char *const wrappers[] = {"module.", "_orig_mod.", "teacher.",      "0.",
                                           "1.",      "backbone.",  "feature_model."};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers;) {
        const char *rest = behind(key, wrappers[i]);
        if (rest)
            key = rest;
        i = rest ? 0 : i + 1;
    }
    return key;
}

static bool is_listed(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (!strcmp(name, *list))
            return true;
    }
    return false;
}

static bool copy(char out[NAME_BYTES], const char *text, size_t length)
{
    if (length >= NAME_BYTES)
        return false;
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

/* Reads "<digits>." of at most four digits. */
static const char *read_index(const char *text, unsigned *out)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 4 || text[digits] != '.')
        return NULL;
    *out = (unsigned)strtoul(text, NULL, 10);
    return text + digits + 1;
}

static const char *const block_parts[] = {
    "norm1.weight",   "norm1.bias",       "norm2.weight",   "norm2.bias",  "attn.qkv.weight",
    "attn.qkv.bias",  "attn.proj.weight", "attn.proj.bias", "ls1.gamma",   "ls2.gamma",
    "mlp.w12.weight", "mlp.w12.bias",     "mlp.w3.weight",  "mlp.w3.bias", "mlp.fc1.weight",
    "mlp.fc1.bias",   "mlp.fc2.weight",   "mlp.fc2.bias",   NULL};
static const char *const backbone_parts[] = {"cls_token",
                                             "pos_embed",
                                             "register_tokens",
                                             "patch_embed.proj.weight",
                                             "patch_embed.proj.bias",
                                             "norm.weight",
                                             "norm.bias",
                                             NULL};
static const char *const glori_parts[] = {"embed_standart.weight",
                                          "embed_standart.bias",
                                          "query_embed",
                                          "layers.0.multihead_attn.in_proj_weight",
                                          "layers.0.multihead_attn.in_proj_bias",
                                          "layers.0.multihead_attn.out_proj.weight",
                                          "layers.0.multihead_attn.out_proj.bias",
                                          "layers.0.norm1.weight",
                                          "layers.0.norm1.bias",
                                          "layers.0.norm2.weight",
                                          "layers.0.norm2.bias",
                                          "layers.0.norm3.weight",
                                          "layers.0.norm3.bias",
                                          "layers.0.linear1.weight",
                                          "layers.0.linear1.bias",
                                          "layers.0.linear2.weight",
                                          "layers.0.linear2.bias",
                                          "duplicate_pooling",
                                          "duplicate_pooling_bias",
                                          NULL};
static const char *const linear_parts[] = {"linear.weight", "linear.bias", NULL};

/* What no answer depends on: it serves training, or reads the backbone's features as a head does. One that
 * ends in a dot is a whole module. */
static const char *const harmless[] = {"mask_token",        "dino_head.",  "ibot_head.", "dino_loss.",
                                       "ibot_patch_loss.",  "koleo_loss.", "student.",   "head.",
                                       "classifiers_dict.", "linear.",     "decoder.",   NULL};

static bool is_harmless(const char *name)
{
    for (const char *const *at = harmless; *at; at++) {
        bool module = (*at)[strlen(*at) - 1] == '.';
        if (module ? behind(name, *at) != NULL : !strcmp(name, *at))
            return true;
    }
    return false;
}

/* The part of a block behind "<chunk>.<i>." or "<i>.", and i, which is global in both; NULL when neither is
 * there. */
static const char *read_block(const char *text, unsigned *index)
{
    const char *rest = read_index(text, index), *deeper = rest ? read_index(rest, index) : NULL;
    return deeper ? deeper : rest;
}

enum name_kind name_of_backbone(const char *key, char out[NAME_BYTES])
{
    unsigned index;
    key = strip(key);
    copy(out, key, strnlen(key, NAME_BYTES - 1));
    if (is_listed(key, backbone_parts))
        return NAME_KNOWN;
    const char *block = behind(key, "blocks."), *part = block ? read_block(block, &index) : NULL;
    if (part && is_listed(part, block_parts)) {
        snprintf(out, NAME_BYTES, "blocks.%u.%s", index, part);
        return NAME_KNOWN;
    }
    return is_harmless(key) ? NAME_HARMLESS : NAME_UNKNOWN;
}

enum name_kind name_of_head(const char *key, char candidate[NAME_BYTES], char out[NAME_BYTES])
{
    char ignored[NAME_BYTES];
    candidate[0] = '\0';
    const char *whole = key, *rest = behind(key = strip(key), "classifiers_dict.");
    copy(out, key, strnlen(key, NAME_BYTES - 1));
    if (rest) {
        size_t length = strcspn(rest, ".");
        if (!rest[length] || !copy(candidate, rest, length))
            return NAME_UNKNOWN;
        key = strip(rest + length + 1);
    }
    const char *decoder = behind(key, "decoder.");
    const char *name = decoder ? decoder : key;
    if (!decoder && !rest && !behind(key, "linear."))
        return name_of_backbone(whole, ignored) == NAME_UNKNOWN ? NAME_UNKNOWN : NAME_HARMLESS;
    if (decoder && !strcmp(name, "query_embed.weight"))
        name = "query_embed";
    copy(out, name, strnlen(name, NAME_BYTES - 1));
    return is_listed(name, decoder ? glori_parts : linear_parts) ? NAME_KNOWN : NAME_UNKNOWN;
}

/* Levenshtein: how many letters are to be put in, taken out or changed. */
static size_t distance(const char *a, const char *b)
{
    size_t length = strnlen(b, NAME_BYTES - 1), row[NAME_BYTES];
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j + 1] = diagonal + 1 < best ? diagonal + 1 : best;
        }
    }
    return row[length];
}

/* Takes `known` when it is nearer than what was nearest: at the end of the name, or few letters away. */
static void consider(const char *name, const char *known, size_t *nearest, char out[NAME_BYTES])
{
    size_t length = strlen(name), tail = strlen(known);
    bool ends = length > tail && !strcmp(name + length - tail, known) && name[length - tail - 1] == '.';
    size_t away = ends ? 0 : distance(name, known);
    if (away < *nearest && 3 * away <= tail) {
        *nearest = away;
        snprintf(out, NAME_BYTES, "%s", known);
    }
}

bool name_nearest(const char *name, bool of_backbone, char out[NAME_BYTES])
{
    size_t nearest = SIZE_MAX;
    unsigned index = 0;
    name = strip(name);
    const char *block = strstr(name, "blocks.");
    if (block)
        (void)read_block(block + strlen("blocks."), &index);
    const char *const *lists[] = {of_backbone ? backbone_parts : glori_parts,
                                  of_backbone ? NULL : linear_parts};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const char *const *part = lists[i]; part && *part; part++)
            consider(name, *part, &nearest, out);
    for (const char *const *part = block_parts; of_backbone && block && *part; part++) {
        char known[NAME_BYTES];
        snprintf(known, sizeof known, "blocks.%u.%s", index, *part);
        consider(name, known, &nearest, out);
    }
    return nearest != SIZE_MAX;
}

/* What follows "<word>=" at the start of one of the parts that colons separate, or NULL. */
static const char *candidate_value(const char *candidate, const char *word)
{
    size_t length = strlen(word);
    for (const char *part = candidate; part; part = strchr(part, ':')) {
        part += *part == ':';
        if (!strncmp(part, word, length) && part[length] == '=')
            return part + length + 1;
    }
    return NULL;
}

bool candidate_blocks(const char *candidate, uint32_t *out)
{
    const char *value = candidate_value(candidate, "blocks");
    if (!value || !isdigit((unsigned char)*value))
        return false;
    unsigned long blocks = strtoul(value, NULL, 10);
    if (blocks < 1 || blocks > 1000)
        return false;
    *out = (uint32_t)blocks;
    return true;
}

bool candidate_average_pool(const char *candidate, bool *out)
{
    const char *value = candidate_value(candidate, "avgpool");
    if (!value || (!behind(value, "True") && !behind(value, "False")))
        return false;
    *out = *value == 'T';
    return true;
}
