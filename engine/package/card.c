#include "engine/package/card.h"

#include <assert.h>
#include <string.h>

static const char *const kind_names[] = {
    [HEAD_FINDINGS] = "findings", [HEAD_RISK] = "risk", [HEAD_QUALITY] = "quality"};
static_assert(sizeof kind_names / sizeof *kind_names == HEAD_KINDS, "a name a kind");
static const char *const type_names[] = {[HEAD_GLORI] = "glori", [HEAD_LINEAR] = "linear"};
static_assert(sizeof type_names / sizeof *type_names == HEAD_TYPES, "a name a type");

const char *const quality_label_names[] = {"inverted",    "rotated_90", "rotated_180",
                                           "rotated_270", "mirrored",   "lateral",
                                           "not_a_chest", "cropped",    NULL};

const char *head_kind_name(enum head_kind kind)
{
    return kind_names[kind];
}

const char *head_type_name(enum head_type type)
{
    return type_names[type];
}

bool card_names_weights(const struct model_card *card, const char *file)
{
    bool found = !strcmp(file, card->backbone.weights);
    for (size_t i = 0; i < card->head_count; i++)
        found = found || !strcmp(file, card->heads[i].weights);
    return found;
}
