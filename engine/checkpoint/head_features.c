#include "engine/checkpoint/head_features.h"

#include <stdio.h>
#include <string.h>

enum { READINGS_MAX = 4, READING_BYTES = 64 };

static bool is_pooling(enum config_pooling pooling, const struct head_features *reading)
{
    return (pooling == POOLING_CLASS && reading->blocks == 1 && !reading->average_pool) ||
           (pooling == POOLING_MEAN && !reading->blocks);
}

struct readings {
    struct head_features items[READINGS_MAX];
    size_t count;
};

/* In the form of --head. */
static const char *reading_text(const struct head_features *reading, char text[READING_BYTES])
{
    const char *views = reading->two_views ? ",views=2" : "";
    if (!reading->blocks)
        snprintf(text, READING_BYTES, "features=mean%s", views);
    else
        snprintf(text, READING_BYTES, "features=%s,blocks=%u%s",
                 reading->average_pool ? "class+mean" : "class", reading->blocks, views);
    return text;
}

static bool is_asked(const struct import_head *asked, const struct head_features *reading)
{
    const enum import_features features = !reading->blocks        ? IMPORT_MEAN
                                          : reading->average_pool ? IMPORT_CLASS_MEAN
                                                                  : IMPORT_CLASS;
    return (!asked->blocks || asked->blocks == reading->blocks) &&
           (!asked->views || (asked->views == 2) == reading->two_views) &&
           (asked->features == IMPORT_ANY || asked->features == features);
}

/* Adds every reading of `units` tokens of each image that a backbone of this depth can give. */
static void add_readings(struct readings *readings, size_t units, uint32_t depth, bool two_views)
{
    for (size_t pooled = 0; pooled < 2; pooled++)
        if (units >= 1 && units - pooled <= depth)
            readings->items[readings->count++] =
                (struct head_features){(uint32_t)(units - pooled), pooled, two_views};
}

/* Those of one view come first; *two_views is the number of the first of two. */
static struct readings readings_of(size_t units, uint32_t depth, size_t *two_views)
{
    struct readings readings = {0};
    add_readings(&readings, units, depth, false);
    *two_views = readings.count;
    if (units % 2 == 0)
        add_readings(&readings, units / 2, depth, true);
    return readings;
}

/* Whether heads of the form are published with this reading: a candidate whose name does not say it has none,
 * nor has a convolution, nor timm's, which pools in several ways of one width, without its configuration. */
static bool is_published(const struct head_source *source, const struct head_features *reading)
{
    const bool one = reading->blocks == 1, four = reading->blocks == 4, pooled = reading->average_pool;
    if (*source->candidate || source->convolution)
        return false;
    switch (source->form) {
    case FORM_AUTHORS:
        return four || (pooled && one);
    case FORM_DINOV2:
        return pooled && (one || four);
    case FORM_TRANSFORMERS:
        return pooled && one;
    case FORM_TIMM:
        return is_pooling(source->pooling, reading);
    case FORM_PACKAGE:
        return false;
    }
    return false;
}

/* What timm's configuration says of it, against what is asked for. */
static enum status check_pooling(const struct head_source *source, const struct import_head *asked,
                                 struct failure *failure)
{
    if (source->form != FORM_TIMM || source->pooling == POOLING_NOT_SAID)
        return STATUS_OK;
    if (source->pooling == POOLING_OTHER)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Its configuration pools by other than the class token (global_pool token) or the mean "
            "of the patch tokens (avg, with fc_norm false), which is not supported.");
    const enum import_features said = source->pooling == POOLING_MEAN ? IMPORT_MEAN : IMPORT_CLASS;
    if (asked->features != IMPORT_ANY && asked->features != said)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Its configuration says features=%s, and --head something else: leave it out.",
                           said == IMPORT_MEAN ? "mean" : "class");
    return STATUS_OK;
}

static enum status ask(size_t inputs, size_t units, const struct readings *all, bool chosen,
                       struct failure *failure)
{
    static const char *const counts[] = {"no", "one way", "two ways", "three ways", "four ways"};
    char list[READINGS_MAX * (READING_BYTES + 4)] = "", text[READING_BYTES];
    for (size_t i = 0, used = 0; i < all->count; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                 i == 0                ? ""
                                 : i + 1 == all->count ? " or "
                                                       : ", ",
                                 reading_text(&all->items[i], text));
    if (chosen)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "Its linear layer takes %zu features, %zu times the backbone's width, which is not "
            "what --head says: it can be %s.",
            inputs, units, list);
    return failure_set(
        failure, STATUS_BAD_REQUEST,
        "Its linear layer takes %zu features, %zu times the backbone's width, which can be read "
        "in %s: say %s in --head.",
        inputs, units, counts[all->count], list);
}

/* The candidate's name says it, "...:blocks=4:avgpool=False:...", and the inputs whether it is of two views.
 */
static enum status check_named(size_t inputs, uint32_t width, struct head_features *named,
                               const struct head_source *source, const struct import_head *asked,
                               struct failure *failure)
{
    const bool pairs = source->form == FORM_AUTHORS || asked->views == 2; /* DINOv2's training has no pairs */
    char text[READING_BYTES];
    const size_t needed = ((size_t)named->blocks + named->average_pool) * width;
    named->two_views = pairs && inputs == 2 * needed;
    if (inputs != needed && !named->two_views)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Tensor 'linear.weight' takes %zu features, which does not fit %u blocks of width %u%s.", inputs,
            named->blocks, width, named->average_pool ? " and their mean patch token" : "");
    if (!is_asked(asked, named))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The candidate's name and its weights say %s, and --head something else: leave it "
                           "out.",
                           reading_text(named, text));
    return STATUS_OK;
}

static enum status check_said(size_t inputs, uint32_t width, const struct head_features *said,
                              const struct import_head *asked, struct failure *failure)
{
    char text[READING_BYTES];
    const size_t needed = ((size_t)said->blocks + said->average_pool) * width * (said->two_views ? 2 : 1);
    if (inputs != needed)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Its linear layer takes %zu features; %s of a backbone of width %u, which its file "
            "says it reads, are %zu: it was trained on another backbone.",
            inputs, reading_text(said, text), width, needed);
    if (!is_asked(asked, said))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Its file says %s, and --head something else: leave it out.",
                           reading_text(said, text));
    return STATUS_OK;
}

enum status head_features_choose(size_t inputs, const struct backbone_card *backbone,
                                 const struct head_source *source, const struct import_head *asked,
                                 struct failure *failure, struct head_features *out)
{
    struct head_features named = {0};
    enum status status = check_pooling(source, asked, failure);
    if (status)
        return status;
    if (source->said) {
        status = check_said(inputs, backbone->width, source->said, asked, failure);
        if (!status)
            *out = *source->said;
        return status;
    }
    if (candidate_blocks(source->candidate, &named.blocks) &&
        candidate_average_pool(source->candidate, &named.average_pool)) {
        status = check_named(inputs, backbone->width, &named, source, asked, failure);
        if (!status)
            *out = named;
        return status;
    }
    const size_t units = inputs / backbone->width;
    size_t two_views;
    const struct readings all = readings_of(units, backbone->depth, &two_views);
    if (inputs % backbone->width || !all.count)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Its linear layer takes %zu features, which no tokens of %u blocks of width %u give: "
            "it was trained on another backbone.",
            inputs, backbone->depth, backbone->width);
    const bool pairs = asked->views ? asked->views == 2 : two_views == 0;
    const size_t first = pairs ? two_views : 0, end = pairs ? all.count : two_views;
    const bool chosen = asked->blocks || asked->features != IMPORT_ANY;
    size_t found = 0, count = 0; /* of two views nothing is published without a name */
    for (size_t i = first; i < end; i++)
        if (is_asked(asked, &all.items[i]) &&
            (chosen || end - first == 1 || (!pairs && is_published(source, &all.items[i])))) {
            found = i;
            count++;
        }
    if (count != 1 && asked->views && !chosen && first < end) { /* it is said how many views, and no more */
        struct readings left = {.count = end - first};
        memcpy(left.items, all.items + first, left.count * sizeof *left.items);
        return ask(inputs, units, &left, false, failure);
    }
    if (count != 1)
        return ask(inputs, units, &all, chosen || first == end, failure);
    *out = all.items[found];
    return STATUS_OK;
}
