#include "engine/checkpoint/head_select.h"

#include "engine/checkpoint/candidates.h"
#include "engine/checkpoint/foreign.h"
#include "engine/checkpoint/head_backbone.h"
#include "engine/checkpoint/module_buffer.h"
#include "engine/checkpoint/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Whether the member is of a head: one that the adapter's file has, or the weights'. */
static bool is_of_head(const struct value *state, size_t i, const struct head_import *head, bool adapters)
{
    enum name_kind kind;
    enum head_form form;
    char of[NAME_BYTES], name[NAME_BYTES];
    return read_member(state, i, &kind, &form, of, name) && kind == NAME_KNOWN &&
           is_adapters(head, state->sequence.items[i + 1]) == adapters;
}

/* PEFT saves a classifier that was trained with an adapter beside it, and loads it in the place of the
 * model's own (modules_to_save): of a state dict that has both, one without the model's. The caller frees its
 * items. */
static struct value without_replaced(const struct value *state, struct head_import *head)
{
    struct value kept = *state;
    bool of_adapter = false;
    for (size_t i = 0; i < state->sequence.count && !of_adapter; i += 2)
        of_adapter = is_of_head(state, i, head, true);
    kept.sequence.items = memory_allocate(state->sequence.count, sizeof *kept.sequence.items);
    kept.sequence.count = 0;
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        if (of_adapter && is_of_head(state, i, head, false)) {
            head->replaces = true;
            continue;
        }
        kept.sequence.items[kept.sequence.count++] = state->sequence.items[i];
        kept.sequence.items[kept.sequence.count++] = state->sequence.items[i + 1];
    }
    return kept;
}

/* Two heads without a candidate's name, of two forms, are not told apart. */
static enum status check_forms(const struct value *state, struct failure *failure)
{
    const char *first = NULL;
    enum head_form first_form = FORM_AUTHORS;
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        enum name_kind kind;
        enum head_form form;
        char of[NAME_BYTES], name[NAME_BYTES];
        const struct value *key = state->sequence.items[i];
        if (!read_member(state, i, &kind, &form, of, name) || kind != NAME_KNOWN || *of)
            continue;
        if (first && form != first_form)
            return failure_set(failure, STATUS_INVALID_FILE,
                               "It holds two heads, of '%.80s' and of '%.80s', and does not say which is "
                               "meant: save the one that is meant alone.",
                               first, key->text.data);
        first = first ? first : key->text.data;
        first_form = form;
    }
    return STATUS_OK;
}

/* Whatever else reads features may be a layer of the head that is taken: only another candidate is not. */
static enum status select_tensors(const struct value *state, struct head_import *head,
                                  struct failure *failure, bool *others_have_bias)
{
    enum status status = STATUS_OK;
    const bool with_backbone = import_holds_backbone(state);
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
            *others_have_bias |= !of_wanted && !strcmp(name, "linear.bias");
            const bool taken = of_wanted && (*of || (form == FORM_AUTHORS) == (head->form == FORM_AUTHORS));
            if (taken && selection_item(&head->selection, name))
                return failure_set(
                    failure, STATUS_INVALID_FILE,
                    "'%.80s' and another tensor of the file are both '%s', of the one linear layer "
                    "that is read: work what lies before it into its weights, or save the one that "
                    "is meant alone.",
                    key->text.data, name);
            head->behind_layer |= taken && !with_backbone && name_behind(key->text.data, "1.");
            if (taken)
                status = selection_add(&head->selection, name, value, failure);
            else if (!of_wanted && !*of)
                status = foreign_value(key, key->text.data, value, false, failure);
            continue;
        }
        /* whoever imported the backbone beside it has looked at its buffers */
        if (kind == NAME_UNKNOWN && with_backbone && module_buffer_kind(key->text.data, value))
            continue;
        const bool harmless = name_of_backbone(key->text.data, &backbone) == NAME_HARMLESS;
        const bool of_a_head = harmless && backbone.traits & TRAIT_HEAD;
        const bool layer = harmless && backbone.traits & TRAIT_LOSS_LIKE && value->kind == VALUE_TENSOR &&
                           value->tensor->rank > 1;
        if ((kind == NAME_UNKNOWN || of_a_head || layer) && (!*of || of_wanted))
            status = foreign_value(key, *of ? name : key->text.data, value, false, failure);
        else if (harmless && backbone.traits & TRAIT_LOSS && !head->losses++)
            snprintf(head->loss, sizeof head->loss, "%s", key->text.data);
    }
    return status;
}

/* A convolution of 1 x 1 is a matrix, and a layer without a bias has one of zeros. Where other candidates
 * have a bias, one is missing. */
static void complete_linear(struct head_import *head, bool others_have_bias)
{
    struct selection *selection = &head->selection;
    struct selected *weight = selection_item(selection, "linear.weight");
    if (!weight || weight->source->rank < 2)
        return;
    const struct stored_tensor *tensor = weight->source;
    if (tensor->rank == 4 && tensor->shape[2] == 1 && tensor->shape[3] == 1) {
        head->convolution = true;
        weight->pieces[0] = (struct piece){.tensor = tensor, .elements = tensor->elements};
        weight->piece_count = 1;
        selection_compose(selection, weight, 2, tensor->shape);
    }
    head->no_bias = !others_have_bias && !selection_item(selection, "linear.bias");
    if (head->no_bias)
        selection_add_zeros(selection, "linear.bias", 1, tensor->shape);
}

static enum status select_of(const struct value *state, const char *wanted, struct head_import *head,
                             struct failure *failure)
{
    struct candidates *candidates = memory_allocate(1, sizeof *candidates);
    enum status status = check_forms(state, failure);
    if (!status)
        status = candidates_find(state, failure, candidates);
    if (!status && !candidates->count && import_holds_backbone(state))
        status =
            failure_set(failure, STATUS_INVALID_FILE,
                        "It holds a backbone and no head that is known here: import takes it as --backbone.");
    if (!status)
        status = candidates_choose(candidates, wanted, failure, head->candidate);
    if (!status) {
        head->form = candidate_form(head->candidate, candidates->form, NULL);
        bool others_have_bias = false;
        status = select_tensors(state, head, failure, &others_have_bias);
        head->form = candidate_form(head->candidate, candidates->form, checkpoint_metadata(head->checkpoint));
        if (!status)
            complete_linear(head, others_have_bias);
    }
    free(candidates);
    return status;
}

enum status head_select(struct head_import *head, struct failure *failure)
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
        const struct value kept = without_replaced(state, head);
        status = select_of(&kept, asked->candidate ? asked->candidate : best, head, failure);
        free(kept.sequence.items);
    }
    free(best);
    return status;
}
