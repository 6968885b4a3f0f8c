#include "engine/checkpoint/origin.h"

#include "engine/checkpoint/layout.h"
#include "engine/checkpoint/names.h"

#include <string.h>

/* What timm's networks without registers never show. */
enum { NEVER_TIMMS = FEATURE_HUGGING_FACE | FEATURE_CHUNKS | FEATURE_REGISTERS | FEATURE_MASK_TOKEN };

static bool has_key(const struct value *state, const char *start, size_t length, const char *end)
{
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        const struct value *key = state->sequence.items[i];
        if (key->kind == VALUE_TEXT && !strncmp(key->text.data, start, length) &&
            !strcmp(key->text.data + length, end))
            return true;
    }
    return false;
}

unsigned origin_with_heads(const struct value *state, unsigned features)
{
    static const char timms[] = "head.weight";
    if (features & FEATURE_HUGGING_FACE)
        return features;
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        const struct value *key = state->sequence.items[i], *value = state->sequence.items[i + 1];
        if (key->kind != VALUE_TEXT || value->kind != VALUE_TENSOR)
            continue;
        const char *name = name_strip(key->text.data);
        if (!strcmp(name, "linear_head.weight"))
            return features | FEATURE_HUB;
        if (!strcmp(name, timms) && !(features & NEVER_TIMMS) && value->tensor->rank == 2 &&
            has_key(state, key->text.data, (size_t)(name - key->text.data), "cls_token"))
            return features | FEATURE_TIMM;
    }
    return features;
}

enum status origin_with_option(const char *option, struct failure *failure, unsigned *features)
{
    const unsigned shown = FEATURE_HUGGING_FACE | FEATURE_TIMM_REGISTERS | FEATURE_TIMM | FEATURE_HUB;
    const unsigned feature = option ? layout_option(option) : 0;
    if (!option)
        return STATUS_OK;
    if (!feature)
        return failure_set(failure, STATUS_BAD_REQUEST, "--layout is chexfound, dinov2 or timm, not '%.40s'.",
                           option);
    if (*features & shown && !(*features & feature))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Its files show that its layout is %s: leave --layout out.",
                           layout_find(*features)->title);
    *features |= feature;
    return STATUS_OK;
}
