#include "engine/checkpoint/head_features.h"

#include <stdio.h>

enum { READINGS_MAX = 2, READING_BYTES = 64 };

struct readings {
    struct head_features items[READINGS_MAX];
    size_t count;
};

/* In the form of --head. */
static const char *reading_text(const struct head_features *reading, char text[READING_BYTES])
{
    snprintf(text, READING_BYTES, "features=%s,blocks=%u", reading->average_pool ? "class+mean" : "class",
             reading->blocks);
    return text;
}

static bool is_asked(const struct import_head *asked, const struct head_features *reading)
{
    bool pooled = asked->features == IMPORT_CLASS_MEAN;
    return (!asked->blocks || asked->blocks == reading->blocks) &&
           (asked->features == IMPORT_ANY || pooled == reading->average_pool);
}

/* Every reading of `units` tokens that a backbone of this depth can give. */
static struct readings readings_of(size_t units, uint32_t depth)
{
    struct readings readings = {0};
    for (size_t pooled = 0; pooled < READINGS_MAX; pooled++)
        if (units > pooled && units - pooled <= depth)
            readings.items[readings.count++] = (struct head_features){(uint32_t)(units - pooled), pooled};
    return readings;
}

/* Whether heads of the form are published with this reading. */
static bool is_published(enum head_form form, const struct head_features *reading)
{
    const bool one = reading->blocks == 1, four = reading->blocks == 4, pooled = reading->average_pool;
    switch (form) {
    case FORM_AUTHORS:
        return one || four;
    case FORM_DINOV2:
        return pooled && (one || four);
    case FORM_TRANSFORMERS:
        return pooled && one;
    case FORM_TIMM:
        return !pooled && one;
    }
    return false;
}

static enum status ask(size_t inputs, size_t units, const struct readings *all, bool chosen,
                       struct failure *failure)
{
    char first[READING_BYTES], second[READING_BYTES] = "";
    reading_text(&all->items[0], first);
    if (all->count > 1)
        reading_text(&all->items[1], second);
    return failure_set(
        failure, STATUS_BAD_REQUEST,
        "Its linear layer takes %zu features, %zu times the backbone's width, which %s %s%s%s%s.", inputs,
        units, chosen ? "is not what --head says: it can be" : "can be read in two ways: say", first,
        *second ? " or " : "", second, chosen ? "" : " in --head");
}

/* The candidate's name says it: "...:blocks=4:avgpool=False:...". */
static enum status check_named(size_t inputs, uint32_t width, const struct head_features *named,
                               const struct import_head *asked, struct failure *failure)
{
    char text[READING_BYTES];
    const size_t needed = ((size_t)named->blocks + named->average_pool) * width;
    if (inputs == 2 * needed)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Tensor 'linear.weight' takes the features of two views, which is not supported.");
    if (inputs != needed)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Tensor 'linear.weight' takes %zu features, which does not fit %u blocks of width %u%s.", inputs,
            named->blocks, width, named->average_pool ? " and their mean patch token" : "");
    if (!is_asked(asked, named))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The candidate's name says %s, and --head something else: leave it out.",
                           reading_text(named, text));
    return STATUS_OK;
}

enum status head_features_choose(size_t inputs, const struct backbone_card *backbone, enum head_form form,
                                 const char *candidate, const struct import_head *asked,
                                 struct failure *failure, struct head_features *out)
{
    struct head_features named;
    if (candidate_blocks(candidate, &named.blocks) &&
        candidate_average_pool(candidate, &named.average_pool)) {
        enum status status = check_named(inputs, backbone->width, &named, asked, failure);
        if (!status)
            *out = named;
        return status;
    }
    const size_t units = inputs / backbone->width;
    const struct readings all = readings_of(units, backbone->depth);
    if (inputs % backbone->width || !all.count)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Its linear layer takes %zu features, which no tokens of %u blocks of width %u give: "
            "it was trained on another backbone.",
            inputs, backbone->depth, backbone->width);
    const bool chosen = asked->blocks || asked->features != IMPORT_ANY;
    size_t found = 0, count = 0;
    for (size_t i = 0; i < all.count; i++)
        if (is_asked(asked, &all.items[i]) &&
            (chosen || all.count == 1 || is_published(form, &all.items[i]))) {
            found = i;
            count++;
        }
    if (count != 1)
        return ask(inputs, units, &all, chosen, failure);
    *out = all.items[found];
    return STATUS_OK;
}
