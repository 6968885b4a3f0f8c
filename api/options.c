#include "api/options.h"

#include "api/rank.h"
#include "api/views.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUOTE_BYTES = 60, TOP_MAX = 100000 };

size_t options_label_count(const struct model_card *card)
{
    size_t count = 0;
    for (size_t head = 0; head < card->head_count; head++)
        count += card->heads[head].label_count;
    return count;
}

bool options_draw(const struct options *options)
{
    return options->attention == ATTENTION_PNG || options->attention == ATTENTION_OVERLAY;
}

bool options_picture(const struct options *options)
{
    return options_draw(options) || options->render_side;
}

size_t options_map_count(const struct options *options, const struct model_card *card)
{
    size_t all = 0, marked = 0, first = 0;
    for (size_t i = 0; i < card->head_count; first += card->heads[i++].label_count)
        for (size_t label = 0; options->heads[i] && label < card->heads[i].label_count; label++)
            if (card->heads[i].type == HEAD_GLORI) {
                all++;
                marked += options->choice == ATTENTION_LABELS && options->labels[first + label];
            }
    size_t count = options->choice == ATTENTION_ALL      ? all
                   : options->choice == ATTENTION_TOP    ? options->top
                   : options->choice == ATTENTION_LABELS ? marked
                                                         : 1;
    return count < all ? count : all;
}

double options_threshold(const struct options *options, const struct label *label)
{
    return options->has_threshold ? options->threshold : label->threshold;
}

enum status options_need_heads(struct arena *arena, const struct model_card *card, struct failure *failure)
{
    if (card_answering_heads(card))
        return STATUS_OK;
    return failure_set(
        failure, STATUS_NO_HEADS,
        "The model '%s' has no heads: it embeds images and finds nothing in them. Add a head to "
        "its package with: cxrd head add --model DIR --head name=NAME,kind=findings,weights=FILE.",
        text_quote(arena, card->name, QUOTE_BYTES));
}

static enum status resolve_heads(struct arena *arena, const struct model_card *card,
                                 const struct given_option *option, struct failure *failure, bool *heads)
{
    const char **names = arena_allocate(arena, card->head_count + 1, sizeof *names);
    size_t count = 0;
    for (size_t head = 0; head < card->head_count; head++) {
        const bool answers = card->heads[head].kind != HEAD_QUALITY;
        heads[head] = !option && answers;
        if (answers)
            names[count++] = card->heads[head].name;
    }
    for (size_t i = 0; option && i < option->values.count; i++) {
        size_t head = 0;
        while (head < card->head_count && (card->heads[head].kind == HEAD_QUALITY ||
                                           strcmp(card->heads[head].name, option->values.items[i])))
            head++;
        if (head == card->head_count)
            return option_refuse(arena, failure, "Unknown head", option->values.items[i], names, count);
        heads[head] = true;
    }
    return STATUS_OK;
}

/* Marks the labels of this name in the heads that were asked for and have maps; lists those labels when none
 * has the name. */
static enum status mark_label(struct arena *arena, const struct model_card *card,
                              const struct option_list *list, const bool *heads, const char *name,
                              struct failure *failure, bool *labels)
{
    const char **there = arena_allocate(arena, options_label_count(card) + 1, sizeof *there);
    size_t count = 0, first = 0;
    bool found = false, linear = false;
    const struct option_title title = option_title(list, "attention_for");
    for (size_t i = 0; i < card->head_count; first += card->heads[i++].label_count) {
        const struct head_card *head = &card->heads[i];
        for (size_t label = 0; heads[i] && label < head->label_count; label++) {
            bool match = !strcmp(head->labels[label].name, name);
            if (head->type != HEAD_GLORI) {
                linear = linear || match;
                continue;
            }
            there[count++] = head->labels[label].name;
            labels[first + label] = labels[first + label] || match;
            found = found || match;
        }
    }
    if (found)
        return STATUS_OK;
    if (linear)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s names the label '%s', which has no attention map: its head is linear.",
                           title.text, text_quote(arena, name, QUOTE_BYTES));
    return option_refuse(arena, failure,
                         arena_format(arena, "%s, in the heads asked for, finds no label", title.text), name,
                         there, count);
}

static enum status resolve_choice(struct arena *arena, const struct model_card *card,
                                  const struct option_list *list, struct failure *failure,
                                  struct options *out)
{
    const struct given_option *option = option_find(list, "attention_for");
    out->choice = ATTENTION_POSITIVE;
    const char *first = option ? option->values.items[0] : "positive";
    bool alone = !option || option->values.count == 1;
    if (alone && !strcmp(first, "positive"))
        return STATUS_OK;
    if (alone && !strcmp(first, "all")) {
        out->choice = ATTENTION_ALL;
        return STATUS_OK;
    }
    if (alone && !strncmp(first, "top:", 4)) {
        double number = 0;
        if (!text_number(first + 4, &number) || number < 1 || number > TOP_MAX || number != floor(number))
            return failure_set(
                failure, STATUS_BAD_REQUEST, "%s needs a whole number from 1 to %d after 'top:', not '%s'.",
                option_title(list, "attention_for").text, TOP_MAX, text_quote(arena, first + 4, QUOTE_BYTES));
        out->choice = ATTENTION_TOP;
        out->top = (size_t)number;
        return STATUS_OK;
    }
    out->choice = ATTENTION_LABELS;
    bool *labels = arena_allocate(arena, options_label_count(card) + 1, sizeof *labels);
    out->labels = labels;
    for (size_t i = 0; option && i < option->values.count; i++) {
        enum status status =
            mark_label(arena, card, list, out->heads, option->values.items[i], failure, labels);
        if (status)
            return status;
    }
    return STATUS_OK;
}

/* "The option 'attention' cannot be": before a value and those that there are. */
static const char *cannot_be(struct arena *arena, const struct option_list *list, const char *name)
{
    return arena_format(arena, "%s cannot be", option_title(list, name).text);
}

static enum status resolve_attention(struct arena *arena, const struct option_list *list,
                                     struct failure *failure, enum attention_form *out)
{
    static const char *const forms[] = {[ATTENTION_NONE] = "none",
                                        [ATTENTION_GRID] = "grid",
                                        [ATTENTION_PNG] = "png",
                                        [ATTENTION_OVERLAY] = "overlay",
                                        [ATTENTION_CONTOUR] = "contour"};
    static_assert(sizeof forms / sizeof *forms == ATTENTION_FORMS, "a name a form");
    const char *value = NULL;
    enum status status = option_value(list, "attention", failure, &value);
    if (status)
        return status;
    size_t form = 0;
    while (form < ATTENTION_FORMS && strcmp(forms[form], value ? value : "grid"))
        form++;
    if (form == ATTENTION_FORMS)
        return option_refuse(arena, failure, cannot_be(arena, list, "attention"), value, forms,
                             ATTENTION_FORMS);
    *out = (enum attention_form)form;
    return STATUS_OK;
}

static enum status resolve_threshold(struct arena *arena, const struct option_list *list,
                                     struct failure *failure, struct options *out)
{
    const char *value = NULL;
    enum status status = option_value(list, "threshold", failure, &value);
    if (status || !value)
        return status;
    if (!text_number(value, &out->threshold) || out->threshold < 0 || out->threshold > 1)
        return failure_set(failure, STATUS_BAD_REQUEST, "%s must be a number between 0 and 1, not '%s'.",
                           option_title(list, "threshold").text, text_quote(arena, value, QUOTE_BYTES));
    out->has_threshold = true;
    return STATUS_OK;
}

static enum status resolve_level(struct arena *arena, const struct option_list *list, struct failure *failure,
                                 double *out)
{
    const char *value = NULL;
    *out = 0.5;
    enum status status = option_value(list, "level", failure, &value);
    if (status || !value)
        return status;
    if (!text_number(value, out) || *out <= 0 || *out >= 1)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s must be a number over 0 and under 1, a part of the map's maximum, not '%s'.",
                           option_title(list, "level").text, text_quote(arena, value, QUOTE_BYTES));
    return STATUS_OK;
}

static enum status resolve_size(struct arena *arena, const struct option_list *list, struct failure *failure,
                                uint32_t *out)
{
    const char *value = NULL;
    double side = PICTURE_SIDE;
    enum status status = option_value(list, "size", failure, &value);
    if (status)
        return status;
    if (value && (!text_number(value, &side) || side < PICTURE_SIDE_MIN || side > PICTURE_SIDE_MAX ||
                  side != floor(side)))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s must be a whole number of pixels between %d and %d, not '%s'.",
                           option_title(list, "size").text, PICTURE_SIDE_MIN, PICTURE_SIDE_MAX,
                           text_quote(arena, value, QUOTE_BYTES));
    *out = (uint32_t)side;
    return STATUS_OK;
}

/* Images are as large as maps, where that was said. */
static enum status resolve_render(struct arena *arena, const struct option_list *list,
                                  struct failure *failure, struct options *out)
{
    static const char *const forms[] = {"png"};
    const char *value = NULL;
    enum status status = option_value(list, "render", failure, &value);
    if (status || !value)
        return status;
    if (strcmp(value, forms[0]))
        return option_refuse(arena, failure, cannot_be(arena, list, "render"), value, forms, 1);
    out->render_side = option_find(list, "size") ? out->picture_side : PICTURE_SIDE_MAX;
    return STATUS_OK;
}

static enum status resolve_flag(struct arena *arena, const struct option_list *list, const char *name,
                                struct failure *failure, bool *out)
{
    const char *value = NULL;
    enum status status = option_value(list, name, failure, &value);
    if (status || !value)
        return status;
    *out = !strcmp(value, "true");
    if (!*out && strcmp(value, "false"))
        return failure_set(failure, STATUS_BAD_REQUEST, "%s must be true or false, not '%s'.",
                           option_title(list, name).text, text_quote(arena, value, QUOTE_BYTES));
    return STATUS_OK;
}

static enum status resolve_views(struct arena *arena, const struct model_card *card,
                                 const struct option_list *list, struct failure *failure, struct options *out)
{
    const struct given_option *option = option_find(list, "views");
    const struct views_words *words = list->command_line ? &views_on_command_line : &views_in_request;
    enum status status = views_read(arena, option ? &option->values : NULL, words, failure, &out->pairing);
    return status ? status : views_check(arena, card, out->heads, out->pairing, words, failure);
}

enum status options_image(struct arena *arena, const struct option_list *list, struct failure *failure,
                          struct image_options *out)
{
    static const char *const profiles[] = {"mimic", "voi"}, *const kinds[] = {"uids"};
    const char *profile = NULL, *identifiers = NULL;
    enum status status = option_value(list, "dicom_profile", failure, &profile);
    if (!status)
        status = option_value(list, "identifiers", failure, &identifiers);
    if (status)
        return status;
    if (profile && strcmp(profile, profiles[0]) && strcmp(profile, profiles[1]))
        return option_refuse(arena, failure, cannot_be(arena, list, "dicom_profile"), profile, profiles, 2);
    if (identifiers && strcmp(identifiers, kinds[0]))
        return option_refuse(arena, failure, cannot_be(arena, list, "identifiers"), identifiers, kinds, 1);
    out->dicom_profile = !profile                        ? DICOM_PROFILE_UNSAID
                         : !strcmp(profile, profiles[0]) ? DICOM_PROFILE_MIMIC
                                                         : DICOM_PROFILE_VOI;
    out->uids = identifiers;
    return STATUS_OK;
}

enum status options_resolve(struct arena *arena, const struct model_card *card,
                            const struct option_list *list, struct failure *failure, struct options *out)
{
    struct options options = {0};
    bool *heads = arena_allocate(arena, card->head_count + 1, sizeof *heads);
    options.heads = heads;
    enum status status = options_need_heads(arena, card, failure);
    if (!status)
        status = resolve_heads(arena, card, option_find(list, "heads"), failure, heads);
    if (!status)
        status = resolve_attention(arena, list, failure, &options.attention);
    if (!status)
        status = resolve_choice(arena, card, list, failure, &options);
    if (!status)
        status = resolve_level(arena, list, failure, &options.level);
    if (!status)
        status = resolve_size(arena, list, failure, &options.picture_side);
    if (!status)
        status = resolve_render(arena, list, failure, &options);
    if (!status)
        status = resolve_threshold(arena, list, failure, &options);
    if (!status)
        status = resolve_flag(arena, list, "flip", failure, &options.flip);
    if (!status)
        status = resolve_flag(arena, list, "require_quality", failure, &options.require_quality);
    if (!status)
        status = resolve_views(arena, card, list, failure, &options);
    if (!status)
        status = options_image(arena, list, failure, &options.image);
    if (!status)
        *out = options;
    return status;
}

void options_select(const struct options *options, const struct prediction *prediction, bool *selected)
{
    size_t total = 0, count = 0, first = 0, marked = 0;
    for (size_t i = 0; i < prediction->head_count; i++)
        total += prediction->heads[i].head->label_count;
    struct ranked *ranked = memory_allocate(total + 1, sizeof *ranked);
    for (size_t i = 0; i < prediction->head_count; first += prediction->heads[i++].head->label_count) {
        const struct head_prediction *head = &prediction->heads[i];
        for (size_t label = 0; options->heads[i] && head->attention && label < head->head->label_count;
             label++) {
            float probability = head->probabilities[label];
            size_t number = first + label;
            ranked[count++] = (struct ranked){probability, number};
            selected[number] = options->choice == ATTENTION_ALL ||
                               (options->choice == ATTENTION_LABELS && options->labels[number]) ||
                               (options->choice == ATTENTION_POSITIVE &&
                                probability >= options_threshold(options, &head->head->labels[label]));
            marked += selected[number];
        }
    }
    rank(ranked, count);
    size_t top =
        options->choice == ATTENTION_TOP ? options->top : options->choice == ATTENTION_POSITIVE && !marked;
    for (size_t i = 0; i < top && i < count; i++)
        selected[ranked[i].index] = true;
    free(ranked);
}
