#include "engine/checkpoint/head_backbone.h"

#include "engine/checkpoint/import_card.h"
#include "engine/package/binding.h"

#include <stdio.h>
#include <string.h>

/* How many tensors are a backbone's own, and how many an adapter's of one. */
static void count_backbone(const struct value *state, size_t *own, size_t *adapters)
{
    *own = *adapters = 0;
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        struct backbone_name name;
        const struct value *key = state->sequence.items[i];
        if (key->kind == VALUE_TEXT && name_of_backbone(key->text.data, &name) == NAME_KNOWN)
            ++*(name.adapter ? adapters : own);
    }
}

bool import_holds_backbone(const struct value *state)
{
    size_t own, adapters;
    count_backbone(state, &own, &adapters);
    return own + adapters > 0;
}

bool head_is_own(const struct head_import *head, const struct backbone_files *from)
{
    const char *const files[] = {from->weights, from->adapter};
    bool own = false;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        own = own || (files[i] && !strcmp(files[i], head->source_sha256));
    return own;
}

/* The source of what a head in the backbone's file was trained with: the adapter that was merged, or else the
 * weights. */
static const char *trained_source(const struct backbone_files *from)
{
    return from->adapter && *from->adapter ? from->adapter : from->weights;
}

/* A package's head that was trained together with its backbone remembers which; and of outputs that softmax
 * chose among no risks are made on the way through a package. */
static enum status check_remembered(struct head_import *head, const struct backbone_files *from,
                                    struct failure *failure)
{
    const struct json *metadata = checkpoint_metadata(head->checkpoint);
    const char *backbone = metadata_backbone(metadata), *kind = metadata_kind(metadata),
               *here = trained_source(from);
    if (head->form != FORM_PACKAGE)
        return STATUS_OK;
    if (backbone && (!here || strcmp(backbone, here)))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "It was trained together with the backbone of its own package, which was imported from "
            "another file (SHA-256 %.12s...): it goes with no other.",
            backbone);
    if (kind && strcmp(kind, head_kind_name(import_card_kind(head->asked))))
        return failure_set(failure, STATUS_BAD_REQUEST, "It was a package's head of kind=%.20s: say that.",
                           kind);
    snprintf(head->trained_with, sizeof head->trained_with, "%s", backbone ? backbone : "");
    const char *beside = metadata_beside(metadata);
    head->moved = !backbone && beside && here && strcmp(beside, here);
    return STATUS_OK;
}

/* A head that was trained together with a backbone gives other answers on any other. */
static enum status check_own_backbone(const struct head_import *head, const struct backbone_files *from,
                                      struct failure *failure)
{
    size_t own, adapters;
    const struct value *state;
    enum status status = checkpoint_state(head->checkpoint, failure, &state);
    if (status || head_is_own(head, from))
        return status;
    count_backbone(state, &own, &adapters);
    if (!own && !adapters)
        return STATUS_OK;
    if (adapters > own)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The head was trained with the LoRA adapter beside it: copy both files of the "
                           "adapter into the folder of the model that it adapts, and give that folder as "
                           "--backbone of cxrd import and as weights= of its --head.");
    return failure_set(failure, STATUS_INVALID_FILE,
                       "It holds a backbone, too, which the head was trained with: give this file as "
                       "--backbone of cxrd import.");
}

enum status head_check_backbone(struct head_import *head, const struct backbone_files *from,
                                struct failure *failure)
{
    const char *here = trained_source(from);
    snprintf(head->beside, sizeof head->beside, "%s", here ? here : "");
    enum status status = check_own_backbone(head, from, failure);
    if (!status)
        status = check_remembered(head, from, failure);
    if (!status && head_is_own(head, from))
        snprintf(head->trained_with, sizeof head->trained_with, "%s", trained_source(from));
    return status;
}
