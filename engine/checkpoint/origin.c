#include "engine/checkpoint/origin.h"

#include "engine/checkpoint/layout.h"
#include "engine/checkpoint/names.h"

#include <string.h>

/* What timm's networks without registers never show. */
enum { NEVER_TIMMS = TRAIT_HUGGING_FACE | TRAIT_CHUNKS | TRAIT_REGISTERS | TRAIT_MASK_TOKEN };

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

unsigned origin_with_heads(const struct value *state, unsigned traits)
{
    static const char timms[] = "head.weight";
    if (traits & TRAIT_HUGGING_FACE)
        return traits;
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        const struct value *key = state->sequence.items[i], *value = state->sequence.items[i + 1];
        if (key->kind != VALUE_TEXT || value->kind != VALUE_TENSOR)
            continue;
        const char *name = name_strip(key->text.data);
        if (!strcmp(name, "linear_head.weight"))
            return traits | TRAIT_HUB;
        if (!strcmp(name, timms) && !(traits & NEVER_TIMMS) && value->tensor->rank == 2 &&
            has_key(state, key->text.data, (size_t)(name - key->text.data), "cls_token"))
            return traits | TRAIT_TIMM;
    }
    return traits;
}

enum status origin_with_option(const char *option, struct failure *failure, unsigned *traits)
{
    const unsigned shown = TRAIT_HUGGING_FACE | TRAIT_TIMM_REGISTERS | TRAIT_TIMM | TRAIT_HUB;
    const unsigned trait = option ? layout_option(option) : 0;
    if (!option)
        return STATUS_OK;
    if (!trait)
        return failure_set(failure, STATUS_BAD_REQUEST, "--layout is chexfound, dinov2 or timm, not '%.40s'.",
                           option);
    if (*traits & shown && !(*traits & trait))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Its files show that its layout is %s: leave --layout out.",
                           layout_find(*traits)->title);
    *traits |= trait;
    return STATUS_OK;
}
