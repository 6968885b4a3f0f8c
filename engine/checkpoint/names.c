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

/* "<chunk>.<i>.rest" or "<i>.rest": i is global in both. */
static enum name_kind name_of_block(const char *text, char out[NAME_BYTES])
{
    static const char *const parts[] = {
        "norm1.weight",   "norm1.bias",       "norm2.weight",   "norm2.bias",  "attn.qkv.weight",
        "attn.qkv.bias",  "attn.proj.weight", "attn.proj.bias", "ls1.gamma",   "ls2.gamma",
        "mlp.w12.weight", "mlp.w12.bias",     "mlp.w3.weight",  "mlp.w3.bias", "mlp.fc1.weight",
        "mlp.fc1.bias",   "mlp.fc2.weight",   "mlp.fc2.bias",   NULL};
    unsigned index;
    const char *rest = read_index(text, &index), *deeper = rest ? read_index(rest, &index) : NULL;
    rest = deeper ? deeper : rest;
    if (!rest || !is_listed(rest, parts)) {
        copy(out, text, strnlen(text, NAME_BYTES - 1));
        return NAME_UNKNOWN;
    }
    snprintf(out, NAME_BYTES, "blocks.%u.%s", index, rest);
    return NAME_KNOWN;
}

enum name_kind name_of_backbone(const char *key, char out[NAME_BYTES])
{
    static const char *const parts[] = {"cls_token",
                                        "pos_embed",
                                        "register_tokens",
                                        "patch_embed.proj.weight",
                                        "patch_embed.proj.bias",
                                        "norm.weight",
                                        "norm.bias",
                                        NULL};
    key = strip(key);
    const char *block = behind(key, "blocks.");
    if (block)
        return name_of_block(block, out);
    if (!is_listed(key, parts))
        return NAME_IGNORED;
    snprintf(out, NAME_BYTES, "%s", key);
    return NAME_KNOWN;
}

enum name_kind name_of_head(const char *key, char candidate[NAME_BYTES], char out[NAME_BYTES])
{
    static const char *const glori[] = {"embed_standart.weight",
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
    static const char *const linear[] = {"linear.weight", "linear.bias", NULL};
    key = strip(key);
    candidate[0] = '\0';
    const char *rest = behind(key, "classifiers_dict.");
    if (rest) {
        size_t length = strcspn(rest, ".");
        if (!rest[length] || !copy(candidate, rest, length))
            return NAME_IGNORED;
        key = strip(rest + length + 1);
    }
    const char *decoder = behind(key, "decoder.");
    if (!decoder && !behind(key, "linear."))
        return NAME_IGNORED;
    const char *name = decoder ? decoder : key;
    if (decoder && !strcmp(name, "query_embed.weight"))
        name = "query_embed";
    copy(out, name, strnlen(name, NAME_BYTES - 1));
    return is_listed(name, decoder ? glori : linear) ? NAME_KNOWN : NAME_UNKNOWN;
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
