#include "engine/checkpoint/import_card.h"

#include "engine/base/utf8.h"
#include "engine/checkpoint/findings.h"
#include "engine/checkpoint/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double DEFAULT_THRESHOLD = 0.5;

/* The last part of a path, without trailing slashes. */
static char *base_name(struct arena *arena, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return arena_copy_text(arena, path + start, end - start);
}

/* A text of the outside as a card may hold it: '?' for each byte that is no plain UTF-8, as file names can
 * have. */
static const char *plain_text(struct arena *arena, const char *text)
{
    size_t left = strlen(text);
    char *plain = arena_copy_text(arena, text, left);
    for (char *at = plain; left > 0;) {
        size_t step = utf8_character(at, left);
        if (!step)
            *at = '?';
        at += step ? step : 1;
        left -= step ? step : 1;
    }
    return plain;
}

enum status import_card_begin(const struct import_options *options, struct arena *arena,
                              struct failure *failure, struct model_card *card)
{
    const struct profile *profile = options->profile ? profile_known(options->profile) : NULL;
    if (options->profile && options->preprocessor)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "--profile and --preprocessor both say how pictures are prepared: give one.");
    if (options->profile && !profile)
        return failure_set(failure, STATUS_BAD_REQUEST, "The profile is chexfound or dinov2, not '%.40s'.",
                           options->profile);
    if (profile)
        card->profile = *profile;
    card->name = options->name ? options->name : base_name(arena, options->output);
    card->version = options->version ? options->version : "1.0.0";
    card->intended_use = options->intended_use ? options->intended_use
                                               : "Research on frontal chest X-rays; not a medical device.";
    return STATUS_OK;
}

/* Labels in another order than that of the weights' own configuration would give every finding another's
 * score; others than its own are whoever imports it to know. */
static enum status check_order(const struct import_head *asked, const char *config,
                               const struct label_list *labels, struct failure *failure, bool *differ)
{
    struct label_list own = {0};
    if (!config || labels_read_config(config, labels->count, NULL, &own) || !own.count)
        return STATUS_OK;
    const enum labels_order order = labels_compare(labels, &own);
    *differ = order == LABELS_OTHER;
    labels_finish(&own);
    return order != LABELS_REORDERED
               ? STATUS_OK
               : failure_set(
                     failure, STATUS_INVALID_FILE,
                     "%s: it names labels of the id2label of %.80s at other places: give them in that "
                     "order, or leave labels= out.",
                     asked->labels, strrchr(config, '/') ? strrchr(config, '/') + 1 : config);
}

/* A package's head was sealed with its labels: given ones must be the same. */
static enum status check_bound(const struct import_head *asked, const struct label_list *given,
                               const struct label_list *bound, struct failure *failure)
{
    for (size_t i = 0; i < bound->count; i++)
        if (strcmp(given->names[i], bound->names[i]))
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "%s: line %zu is '%.40s', but %.200s was made for a package and says that this output is "
                "'%.40s': leave labels= out.",
                asked->labels, i + 1, given->names[i], asked->weights, bound->names[i]);
    return STATUS_OK;
}

/* Those that are given with labels=, or lie in the config.json beside the weights; none. */
static enum status given_labels(const struct import_head *asked, const struct label_source *source,
                                size_t classes, struct failure *failure, struct label_list *out, bool *differ)
{
    struct label_list labels = {0}, bound = {0};
    enum status status = STATUS_OK;
    const struct bytes text = {(const uint8_t *)source->bound, source->bound ? strlen(source->bound) : 0};
    if (text.size && (status = labels_parse_array(text, classes, failure, &bound)))
        return failure_prefix(failure, "%s", asked->weights);
    if (!asked->labels && bound.count) {
        *out = bound;
        return STATUS_OK;
    }
    if (!asked->labels)
        return source->config ? labels_read_config(source->config, classes, failure, out) : STATUS_OK;
    status = labels_read(asked->labels, failure, &labels);
    if (!status && labels.count != classes)
        status = failure_set(failure, STATUS_INVALID_FILE,
                             "%s: it has %zu labels for the %zu classes of head '%s'.", asked->labels,
                             labels.count, classes, asked->name);
    if (!status)
        status = check_bound(asked, &labels, &bound, failure);
    if (!status && !bound.count)
        status = check_order(asked, source->config, &labels, failure, differ);
    labels_finish(&bound);
    if (status)
        labels_finish(&labels);
    *out = labels;
    return status;
}

/* A linear layer of somebody's own, without a candidate's name, is not known to be of those findings. */
static enum status read_labels(const struct import_head *asked, enum head_form form, enum head_type type,
                               const struct label_source *source, size_t classes, struct failure *failure,
                               struct label_list *out, bool *differ)
{
    struct label_list labels = {0};
    const bool is_published = form == FORM_AUTHORS && asked->kind == IMPORT_FINDINGS &&
                              classes == FINDINGS_COUNT && (type == HEAD_GLORI || *source->candidate);
    enum status status = given_labels(asked, source, classes, failure, &labels, differ);
    if (status || labels.count) {
        *out = labels;
        return status;
    }
    if (!is_published && classes != 1)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Head '%s' has %zu classes: name them with labels=FILE, one a line.", asked->name,
                           classes);
    labels.names = memory_allocate(classes, sizeof *labels.names);
    labels.count = classes;
    for (size_t i = 0; i < classes; i++)
        labels.names[i] = memory_copy_text(is_published ? findings_names[i] : asked->name);
    *out = labels;
    return STATUS_OK;
}

static struct label label_of(struct arena *arena, const char *name)
{
    struct label label = {.name = arena_copy_text(arena, name, strlen(name)),
                          .threshold = DEFAULT_THRESHOLD,
                          .threshold_source = "default"};
    const char *snomed = finding_snomed_code(name);
    if (snomed) {
        struct code *code = arena_allocate(arena, 1, sizeof *code);
        *code = (struct code){SNOMED_SYSTEM, snomed};
        label.codes = code;
        label.code_count = 1;
    }
    return label;
}

/* Other than the authors', heads of several outputs are trained as one choice among them. */
static enum status check_kind(const struct import_head *asked, enum head_form form, size_t classes,
                              struct failure *failure)
{
    if (form == FORM_AUTHORS || form == FORM_PACKAGE || classes == 1 || asked->kind != IMPORT_RISK)
        return STATUS_OK;
    return failure_set(
        failure, STATUS_BAD_REQUEST,
        "Head '%s' is %s with %zu outputs, of which softmax makes one choice: they are no risk "
        "scores. Give kind=findings and labels=FILE; each output is then a sigmoid of its own.",
        asked->name, head_form_name(form), classes);
}

enum head_kind import_card_kind(const struct import_head *asked)
{
    return asked->kind == IMPORT_RISK      ? HEAD_RISK
           : asked->kind == IMPORT_QUALITY ? HEAD_QUALITY
                                           : HEAD_FINDINGS;
}

enum status import_card_head(const struct import_head *asked, enum head_form form,
                             const struct label_source *source, struct arena *arena, struct failure *failure,
                             struct head_card *head, bool *labels_differ)
{
    struct label_list names = {0};
    *labels_differ = false;
    enum status status = check_kind(asked, form, head->label_count, failure);
    if (!status)
        status =
            read_labels(asked, form, head->type, source, head->label_count, failure, &names, labels_differ);
    if (status)
        return status;
    struct label *labels = arena_allocate(arena, names.count, sizeof *labels);
    for (size_t i = 0; i < names.count; i++)
        labels[i] = label_of(arena, names.names[i]);
    head->name = asked->name;
    head->kind = import_card_kind(asked);
    head->labels = labels;
    if (head->kind ==
        HEAD_RISK) /* what the score is, and is not: the published heads define no time horizon */
        head->definition =
            arena_format(arena,
                         "Sigmoid of the output of a head trained on the label%s%s%s; a score for "
                         "ranking, not the probability of an event within any stated time.",
                         names.count == 1 ? " '" : "s of its outputs", names.count == 1 ? labels[0].name : "",
                         names.count == 1 ? "'" : "");
    labels_finish(&names);
    return STATUS_OK;
}

struct json *import_card_source(const char *path, const char *sha256, const char *candidate, const char *form)
{
    struct arena *arena = arena_create();
    struct json *source = json_object();
    json_add_text(source, "file", plain_text(arena, base_name(arena, path)));
    json_add_text(source, "sha256", sha256);
    if (*candidate)
        json_add_text(source, "candidate", plain_text(arena, candidate));
    json_add_text(source, "form", form);
    arena_destroy(&arena);
    return source;
}
