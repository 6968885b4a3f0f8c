#include "engine/checkpoint/import_head.h"

#include "engine/checkpoint/candidates.h"
#include "engine/checkpoint/foreign.h"
#include "engine/checkpoint/head_features.h"
#include "engine/checkpoint/import_card.h"
#include "engine/checkpoint/results.h"
#include "engine/package/binding.h"
#include "engine/package/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTENTION_HEADS = 8, HEAD_NAME_BYTES_MAX = 64 };

enum status import_heads_check(const struct import_head *asked, size_t count, struct failure *failure)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    if (count > PACKAGE_HEADS_MAX)
        return failure_set(failure, STATUS_BAD_REQUEST, "There are over %d heads.", PACKAGE_HEADS_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *name = asked[i].name;
        size_t length = strlen(name);
        if (length == 0 || length > HEAD_NAME_BYTES_MAX || strspn(name, allowed) != length)
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "The head name '%.80s' is not 1 to %d letters, digits, '-' and '_'.", name,
                               HEAD_NAME_BYTES_MAX);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(asked[k].name, name))
                return failure_set(failure, STATUS_BAD_REQUEST, "Two heads have the name '%s'.", name);
    }
    return STATUS_OK;
}

/* Reads the member at `i` of a state dict: false where its key is no text. */
static bool read_member(const struct value *state, size_t i, enum name_kind *kind, enum head_form *form,
                        char of[NAME_BYTES], char name[NAME_BYTES])
{
    const struct value *key = state->sequence.items[i];
    if (!value_is_name(key))
        return false;
    *kind = head_form_of(key->text.data, form, of, name);
    return true;
}

static bool is_adapters(const struct head_import *head, const struct value *value)
{
    return value->kind == VALUE_TENSOR && checkpoint_is_adapters(head->checkpoint, value->tensor);
}

/* PEFT saves a classifier that was trained with an adapter beside it, and loads it in the place of the
 * model's own (modules_to_save). */
static void look_for_adapters(const struct value *state, struct head_import *head)
{
    bool of_weights = false;
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        enum name_kind kind;
        enum head_form form;
        char of[NAME_BYTES], name[NAME_BYTES];
        if (!read_member(state, i, &kind, &form, of, name) || kind != NAME_KNOWN)
            continue;
        const bool adapters = is_adapters(head, state->sequence.items[i + 1]);
        head->of_adapter = head->of_adapter || adapters;
        of_weights = of_weights || !adapters;
    }
    head->replaces = head->of_adapter && of_weights;
}

/* Whether it is of the head of the weights, and the adapter's is taken. */
static bool is_replaced(const struct head_import *head, const struct value *value)
{
    return head->of_adapter && !is_adapters(head, value);
}

/* Notes the candidates of the authors' form, or else of the others: where both lie in one file, the latter
 * were not what its candidates name. Notes which form that is. Two heads that have no names are not told
 * apart.
 */
static enum status find_candidates(const struct value *state, struct candidates *candidates,
                                   struct failure *failure, struct head_import *head)
{
    struct candidates *others = memory_allocate(1, sizeof *others);
    enum head_form other = FORM_AUTHORS, nameless = FORM_AUTHORS;
    const char *first = NULL;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < state->sequence.count && !status; i += 2) {
        enum name_kind kind;
        enum head_form form;
        char of[NAME_BYTES], name[NAME_BYTES];
        const struct value *key = state->sequence.items[i];
        if (!read_member(state, i, &kind, &form, of, name) || kind != NAME_KNOWN ||
            is_replaced(head, state->sequence.items[i + 1]))
            continue;
        if (!*of && first && form != nameless)
            status = failure_set(failure, STATUS_INVALID_FILE,
                                 "It holds two heads, of '%.80s' and of '%.80s', and does not say which is "
                                 "meant: save the one that is meant alone.",
                                 first, key->text.data);
        first = !*of && !first ? key->text.data : first;
        nameless = *of ? nameless : form;
        other = form != FORM_AUTHORS ? form : other;
        candidates_note(form == FORM_AUTHORS ? candidates : others, of);
    }
    head->form = candidates->count ? FORM_AUTHORS : other;
    if (!candidates->count)
        *candidates = *others;
    free(others);
    return status;
}

static enum status select_tensors(const struct value *state, struct head_import *head,
                                  struct failure *failure)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < state->sequence.count && !status; i += 2) {
        enum name_kind kind;
        enum head_form form;
        struct backbone_name backbone;
        char of[NAME_BYTES], name[NAME_BYTES];
        const struct value *key = state->sequence.items[i], *value = state->sequence.items[i + 1];
        if (!read_member(state, i, &kind, &form, of, name)) {
            status = foreign_value(key, NULL, value, false, failure);
            continue;
        }
        bool of_wanted = !strcmp(of, head->candidate);
        if (kind == NAME_KNOWN) {
            if (of_wanted && (form == FORM_AUTHORS) == (head->form == FORM_AUTHORS) &&
                !is_replaced(head, value))
                status = selection_add(&head->selection, name, value, failure);
        } else if ((kind == NAME_UNKNOWN || head_form_owns(head->form, name)) && (!*of || of_wanted)) {
            status = foreign_value(key, *of ? name : key->text.data, value, false, failure);
        } else if (name_of_backbone(key->text.data, &backbone) == NAME_HARMLESS &&
                   backbone.features & FEATURE_LOSS && !head->losses++) {
            snprintf(head->loss, sizeof head->loss, "%s", key->text.data);
        }
    }
    return status;
}

/* Selects the tensors of the candidate that is asked for, or was the best, or is the only one. */
static enum status select_head(struct head_import *head, struct failure *failure)
{
    const struct import_head *asked = head->asked;
    const struct value *state = NULL;
    char *best = NULL;
    enum status status = STATUS_OK;
    if (!asked->candidate && asked->results)
        status = results_read(asked->results, failure, &best);
    if (!status)
        status = checkpoint_state(head->checkpoint, failure, &state);
    if (!status)
        status = checkpoint_check_rest(head->checkpoint, failure);
    if (!status) {
        struct candidates *candidates = memory_allocate(1, sizeof *candidates);
        look_for_adapters(state, head);
        status = find_candidates(state, candidates, failure, head);
        if (!status)
            status = candidates_choose(candidates, asked->candidate ? asked->candidate : best, failure,
                                       head->candidate);
        free(candidates);
    }
    if (!status)
        status = select_tensors(state, head, failure);
    free(best);
    return status;
}

/* Whether it holds a part of a backbone: its own tensors, or an adapter's. */
static bool has_backbone(const struct checkpoint *checkpoint)
{
    const struct value *state;
    if (checkpoint_state(checkpoint, NULL, &state))
        return false;
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        struct backbone_name name;
        const struct value *key = state->sequence.items[i];
        if (key->kind == VALUE_TEXT && name_of_backbone(key->text.data, &name) == NAME_KNOWN)
            return true;
    }
    return false;
}

/* A head that was trained together with a backbone gives other answers on any other. */
static enum status check_own_backbone(const struct head_import *head, const struct backbone_origin *origin,
                                      struct failure *failure)
{
    const char *const files[] = {origin->weights, origin->adapter};
    bool own = !has_backbone(head->checkpoint);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        own = own || (files[i] && !strcmp(files[i], head->source_sha256));
    if (own)
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "It holds a backbone, too, which the head was trained with: give this file as "
                       "--backbone of cxrd import.");
}

static enum status describe_glori(const struct head_import *head, size_t width, struct failure *failure,
                                  struct head_card *card)
{
    const struct stored_tensor *embed = NULL, *query = NULL;
    enum status status =
        selection_require(&head->selection, 2, (size_t[]){0, 0}, failure, &embed, "embed_standart.weight");
    if (!status)
        status = selection_require(&head->selection, 2, (size_t[]){0, embed->shape[0]}, failure, &query,
                                   "query_embed");
    if (status)
        return status;
    const size_t E = embed->shape[0], memory = embed->shape[1];
    if (memory % width || E % ATTENTION_HEADS)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Tensor 'embed_standart.weight' of shape [%zu, %zu] does not fit a backbone of width "
            "%zu and %d attention heads.",
            E, memory, width, ATTENTION_HEADS);
    if (head->asked->features != IMPORT_ANY || head->asked->blocks || head->asked->views)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "It is a GLoRI head, which says itself what it reads: leave features=, blocks= and "
            "views= out of --head.");
    card->label_count = query->shape[0];
    card->blocks = (uint32_t)(memory / width);
    return STATUS_OK;
}

static enum status describe_linear(const struct head_import *head, const struct backbone_card *backbone,
                                   struct failure *failure, struct head_card *card)
{
    const struct stored_tensor *weight = NULL;
    struct head_features features;
    enum status status =
        selection_require(&head->selection, 2, (size_t[]){0, 0}, failure, &weight, "linear.weight");
    if (!status)
        status = head_features_choose(weight->shape[1], backbone, head->form, head->candidate, head->asked,
                                      failure, &features);
    if (status)
        return status;
    card->label_count = weight->shape[0];
    card->blocks = features.blocks;
    card->average_pool = features.average_pool;
    card->two_views = features.two_views;
    return STATUS_OK;
}

/* Reads type, blocks, pooling and the number of labels off the candidate's name and the shapes. */
static enum status describe(struct head_import *head, const struct backbone_card *backbone,
                            struct failure *failure)
{
    uint32_t named;
    struct head_card *card = &head->card;
    card->type = selection_find(&head->selection, "linear.weight") ? HEAD_LINEAR : HEAD_GLORI;
    enum status status = card->type == HEAD_GLORI ? describe_glori(head, backbone->width, failure, card)
                                                  : describe_linear(head, backbone, failure, card);
    if (status)
        return status;
    if (candidate_blocks(head->candidate, &named) && named != card->blocks)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The candidate's name says %u blocks, but its weights take %u of width %u: it was "
                           "trained on another backbone.",
                           named, card->blocks, backbone->width);
    if (card->blocks < 1 || card->blocks > backbone->depth)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The head takes the last %u blocks of a backbone that has %u.", card->blocks,
                           backbone->depth);
    struct tensor *tensors = selection_tensors(&head->selection);
    status = head_check(card, backbone->width, tensors, head->selection.count, failure);
    free(tensors);
    return status;
}

enum status import_head_open(const struct import_head *asked, const struct backbone_card *backbone,
                             const struct backbone_origin *origin, struct arena *arena,
                             struct failure *failure, struct head_import *out)
{
    *out = (struct head_import){.asked = asked};
    enum status status = checkpoint_open(asked->weights, failure, &out->checkpoint);
    if (status)
        return status;
    checkpoint_sha256(out->checkpoint, out->source_sha256);
    status = select_head(out, failure);
    if (!status)
        status = check_own_backbone(out, origin, failure);
    if (!status)
        status = describe(out, backbone, failure);
    if (status)
        return failure_prefix(failure, "%s", asked->weights);
    const char *config = checkpoint_folder(out->checkpoint)->config;
    return import_card_head(asked, out->form, config, arena, failure, &out->card);
}

void import_head_finish(struct head_import *head)
{
    selection_finish(&head->selection);
    checkpoint_close(&head->checkpoint);
}

enum status import_head_write(const struct head_import *head, const char *path,
                              enum import_precision precision, struct import_meter *meter,
                              struct failure *failure, char sha256[SHA256_HEX_BYTES])
{
    struct json *metadata = labels_metadata(&head->card);
    enum status status = import_weights_write(path, head->checkpoint, &head->selection, precision, metadata,
                                              meter, failure, sha256);
    json_destroy(&metadata);
    return status ? failure_prefix(failure, "%s", head->asked->weights) : STATUS_OK;
}

void import_head_note(const struct head_import *head, char note[IMPORT_NOTE_BYTES])
{
    if (head->replaces)
        note_add(
            note,
            "Head '%s' is the adapter's, which was trained in the place of the one that the weights have.",
            head->asked->name);
    note_add_losses(note, head->losses, head->loss);
    import_weights_note(&head->selection, note);
}

struct json *import_head_source(const struct head_import *head)
{
    return import_card_source(head->asked->weights, head->source_sha256, head->candidate,
                              head_form_name(head->form));
}
