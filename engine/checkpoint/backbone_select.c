#include "engine/checkpoint/backbone_select.h"

#include "engine/base/text.h"
#include "engine/checkpoint/backbone_convert.h"
#include "engine/checkpoint/foreign.h"
#include "engine/checkpoint/head_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status nothing_found(struct failure *failure)
{
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "No tensor of a vision transformer is in it ('cls_token', 'blocks.0.norm1.weight', ...): "
        "is it the backbone's file?");
}

/* A file of nothing but heads is for --head. */
static enum status check_no_head(const struct value *state, struct failure *failure)
{
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        enum head_form form;
        char candidate[NAME_BYTES], name[NAME_BYTES];
        const struct value *key = state->sequence.items[i];
        if (!value_is_name(key) || head_form_of(key->text.data, &form, candidate, name) != NAME_KNOWN)
            return STATUS_OK;
    }
    if (!state->sequence.count)
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "It is a head and holds no backbone: import the backbone that it was trained on, and "
                       "give this file as weights= of its --head.");
}

/* Whose weights to take, of those that are there. Without a word on whose they are beside others that have
 * one, either may be meant. */
static enum status choose_owner(const struct value *state, struct failure *failure, enum name_owner *out)
{
    size_t found[OWNER_AVERAGE + 1] = {0};
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        struct backbone_name name;
        const struct value *key = state->sequence.items[i];
        if (key->kind == VALUE_TEXT && name_of_backbone(key->text.data, &name) == NAME_KNOWN && !name.adapter)
            found[name.owner]++;
    }
    size_t others = found[OWNER_TEACHER] + found[OWNER_AVERAGE] + found[OWNER_STUDENT];
    if (found[OWNER_NONE] && others)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "It holds the weights twice, once under '%s.' and once not, and does not say which answer. "
            "Save those that are meant alone, as a state dict.",
            found[OWNER_TEACHER]   ? "teacher"
            : found[OWNER_AVERAGE] ? "ema"
                                   : "student");
    *out = found[OWNER_TEACHER]   ? OWNER_TEACHER
           : found[OWNER_AVERAGE] ? OWNER_AVERAGE
           : found[OWNER_STUDENT] ? OWNER_STUDENT
                                  : OWNER_NONE;
    return STATUS_OK;
}

/* One of several tensors that are one of the package's. */
static enum status add_piece(struct selection *selection, const struct backbone_name *name,
                             const struct value *value, struct failure *failure)
{
    struct selected *item = selection_item(selection, name->name);
    enum status status = item ? selection_check(name->name, value, failure)
                              : selection_add(selection, name->name, value, failure);
    if (status)
        return status;
    if (!item) {
        item = selection_item(selection, name->name);
        item->piece_count = name->pieces;
    }
    struct piece *piece = &item->pieces[name->piece];
    if (item->piece_count != name->pieces || piece->tensor)
        return failure_set(failure, STATUS_INVALID_FILE, "Two tensors of the file are both '%s'.",
                           name->name);
    *piece = (struct piece){.tensor = value->tensor, .elements = value->tensor->elements};
    return STATUS_OK;
}

/* What is being gathered from a state dict. */
struct gathering {
    const struct checkpoint *checkpoint;
    struct backbone_selection *out;
    size_t replacing;  /* tensors that were trained in the place of the weights' own */
    size_t halves;     /* of adapters, in the adapter's file */
    const char *first; /* the key of the first tensor that was taken from the weights, */
    uint64_t place;    /* where it lies, */
    unsigned traits;   /* and whose names it has */
};

/* Not a student's, or an average's, beside the weights that are taken. */
static bool is_taken(const struct backbone_name *name, const struct backbone_selection *selection)
{
    return name->owner == OWNER_NONE || name->owner == selection->owner;
}

static bool is_adapters(const struct gathering *gathering, const struct value *value)
{
    return value->kind == VALUE_TENSOR && checkpoint_is_adapters(gathering->checkpoint, value->tensor);
}

/* Whether the adapter's file has this tensor, trained, in the place of the weights' (modules_to_save), or the
 * weights have both. */
static bool is_replaced(const struct gathering *gathering, const struct backbone_name *name)
{
    const struct selected *item =
        gathering->replacing ? selection_item(&gathering->out->selection, name->name) : NULL;
    const struct stored_tensor *tensor = !item                   ? NULL
                                         : item->piece_count > 1 ? item->pieces[name->piece].tensor
                                                                 : item->source;
    return tensor && (name->copy == COPY_ORIGINAL || checkpoint_is_adapters(gathering->checkpoint, tensor));
}

/* Parts of one network lie behind the same wrappers and have one layout's names: halves of two would be a
 * third that nobody trained. */
static enum status check_place(struct gathering *gathering, const char *key, const struct backbone_name *name,
                               struct failure *failure)
{
    if (!gathering->first) {
        gathering->first = key;
        gathering->place = name->place;
        gathering->traits = name->traits;
    }
    const bool same_names = !((gathering->traits ^ name->traits) & TRAIT_HUGGING_FACE);
    if (gathering->place == name->place && same_names)
        return STATUS_OK;
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "'%.80s' and '%.80s' %s, as parts of two networks do: save those of the one that is meant "
        "alone.",
        gathering->first, key,
        same_names ? "lie behind different prefixes" : "are of two layouts, of which one is transformers'");
}

static enum status add_known(struct gathering *gathering, const char *key, const struct backbone_name *name,
                             const struct value *value, struct failure *failure)
{
    struct backbone_selection *out = gathering->out;
    const bool of_adapter = is_adapters(gathering, value), trained = of_adapter || name->copy == COPY_TRAINED;
    if (name->adapter) {
        out->adapters++;
        gathering->halves += of_adapter;
        return selection_check(name->name, value, failure);
    }
    if (!trained && is_replaced(gathering, name)) {
        out->replaced++;
        return STATUS_OK;
    }
    if (name->copy == COPY_ORIGINAL)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "'%.120s' is there as it was before training (original_module), and not as it was "
                           "trained (modules_to_save): a part is missing.",
                           name->name);
    out->traits |= name->traits;
    gathering->replacing += trained;
    enum status status = name->pieces > 1 ? add_piece(&out->selection, name, value, failure)
                                          : selection_add(&out->selection, name->name, value, failure);
    return status || of_adapter ? status : check_place(gathering, key, name, failure);
}

static enum status add(struct gathering *gathering, const struct value *key, const struct value *value,
                       struct failure *failure)
{
    struct backbone_selection *out = gathering->out;
    struct backbone_name name;
    if (!value_is_name(key))
        return foreign_value(key, NULL, value, true, failure);
    const enum name_kind kind = name_of_backbone(key->text.data, &name);
    if (!is_taken(&name, out))
        return STATUS_OK;
    if (kind == NAME_KNOWN)
        return add_known(gathering, key->text.data, &name, value, failure);
    const bool layer =
        name.traits & TRAIT_LOSS_LIKE && value->kind == VALUE_TENSOR && value->tensor->rank > 1;
    if (kind == NAME_UNKNOWN && module_buffers_take(&out->buffers, key->text.data, value))
        return STATUS_OK;
    if (kind == NAME_UNKNOWN || layer)
        return foreign_value(key, key->text.data, value, true, failure);
    out->traits |= name.traits & (TRAIT_MASK_TOKEN | TRAIT_HEAD);
    if (name.traits & TRAIT_LOSS && !out->losses++)
        snprintf(out->loss, sizeof out->loss, "%s", key->text.data);
    return STATUS_OK;
}

/* Of an adapter's file that lies beside the weights, and of its settings, something is taken: it would be
 * thought merged. */
static enum status check_adapter(const struct gathering *gathering, struct failure *failure)
{
    const struct folder *folder = checkpoint_folder(gathering->checkpoint);
    if (folder->adapter && !gathering->halves)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "No tensor of %s is a LoRA adapter's of this network "
                           "('blocks.0.attn.qkv.lora_A.weight', ...): to import the weights without it, take "
                           "it out of the folder.",
                           strrchr(folder->adapter, '/') + 1);
    if (folder->adapter_config && !gathering->out->adapters)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It has the adapter_config.json of a LoRA adapter, of which no weights are there "
                           "(adapter_model.safetensors): fetch them, or remove it.");
    return STATUS_OK;
}

/* A network is distilled into one of another width or another feed-forward: what that one has says little of
 * it. */
static bool is_of_another_kind(const struct selection *selection, const struct backbone_name *name,
                               const struct value *value)
{
    const struct selected *item = selection_item(selection, name->name);
    const struct stored_tensor *own = item ? item->source : NULL, *other = value->tensor;
    if (!strcmp(name->name, "cls_token") && own && value->kind == VALUE_TENSOR && own->rank && other->rank)
        return own->shape[own->rank - 1] != other->shape[other->rank - 1];
    return !item && name_behind(name->name, "blocks.0.mlp.") && text_stem(name->name, ".weight");
}

/* Weights that lack a part of those beside them were cut: a network without it would answer, and wrongly. Of
 * one of another kind the blocks count alone. `other`: what may hold those, and where it is the state dict
 * holds both. */
static enum status check_beside(const struct backbone_selection *out, const struct value *state,
                                const struct value *other, struct failure *failure)
{
    struct backbone_name name;
    bool same_kind = true;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; other->kind == VALUE_DICT && i < other->sequence.count; i += 2) {
            const struct value *key = other->sequence.items[i];
            if (key->kind != VALUE_TEXT || name_of_backbone(key->text.data, &name) != NAME_KNOWN ||
                name.adapter || (other == state && is_taken(&name, out)))
                continue;
            if (pass == 0)
                same_kind =
                    same_kind && !is_of_another_kind(&out->selection, &name, other->sequence.items[i + 1]);
            else if ((same_kind || strstr(name.name, ".norm1.")) &&
                     !selection_item(&out->selection, name.name))
                return failure_set(failure, STATUS_INVALID_FILE,
                                   "The weights that answer have no '%s', and those beside them have "
                                   "('%.100s'): a part is missing. If they are whole, save them alone, as a "
                                   "state dict.",
                                   name.name, key->text.data);
        }
    return STATUS_OK;
}

static enum status check_all_beside(const struct checkpoint *checkpoint, const struct value *state,
                                    const struct backbone_selection *out, struct failure *failure)
{
    const struct value *others[STATE_OTHERS_MAX];
    const size_t count = state_others(checkpoint_state_place(checkpoint), others);
    enum status status = check_beside(out, state, state, failure);
    for (size_t i = 0; i < count && !status; i++)
        status = check_beside(out, state, others[i], failure);
    return status;
}

/* What was trained goes before what it stands for. */
static bool goes_first(const struct gathering *gathering, const struct value *key, const struct value *value)
{
    char without[KEY_BYTES_MAX];
    return is_adapters(gathering, value) ||
           (value_is_name(key) && name_copy_of(key->text.data, without) == COPY_TRAINED);
}

static enum status add_all(const struct checkpoint *checkpoint, const struct value *state,
                           struct failure *failure, struct backbone_selection *out)
{
    struct gathering gathering = {.checkpoint = checkpoint, .out = out};
    enum status status = STATUS_OK;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < state->sequence.count && !status; i += 2)
            if (goes_first(&gathering, state->sequence.items[i], state->sequence.items[i + 1]) == (pass == 0))
                status = add(&gathering, state->sequence.items[i], state->sequence.items[i + 1], failure);
    if (!status && out->selection.count == 0 && !out->adapters)
        status = nothing_found(failure);
    if (!status)
        status = check_adapter(&gathering, failure);
    return status ? status : check_all_beside(checkpoint, state, out, failure);
}

/* Adapters come after all that they adapt. */
static enum status add_adapters(const struct checkpoint *checkpoint, const struct value *state,
                                const struct adapter_config *config, struct failure *failure,
                                struct backbone_selection *out)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; out->adapters && i < state->sequence.count && !status; i += 2) {
        struct backbone_name name;
        const struct value *key = state->sequence.items[i];
        if (key->kind == VALUE_TEXT && name_of_backbone(key->text.data, &name) == NAME_KNOWN &&
            name.adapter && is_taken(&name, out))
            status = adapter_attach(&out->selection, &name, state->sequence.items[i + 1], failure);
    }
    if (!status && out->adapters)
        status = adapter_check_targets(&out->selection, config, checkpoint, state, out->owner, failure);
    return status ? status : adapter_finish(&out->selection, config, failure);
}

enum status backbone_select(const struct checkpoint *checkpoint, const struct adapter_config *adapter,
                            struct failure *failure, struct backbone_selection *out)
{
    const struct value *state;
    struct backbone_selection found = {0};
    enum status status = checkpoint_state(checkpoint, failure, &state);
    if (!status)
        status = checkpoint_check_rest(checkpoint, failure);
    if (!status)
        status = check_no_head(state, failure);
    if (!status)
        status = choose_owner(state, failure, &found.owner);
    if (!status)
        status = add_all(checkpoint, state, failure, &found);
    if (!status)
        status = add_adapters(checkpoint, state, adapter, failure, &found);
    if (!status)
        status = backbone_convert(&found, failure);
    if (status) {
        selection_finish(&found.selection);
        return status;
    }
    const struct state *place = checkpoint_state_place(checkpoint);
    for (size_t i = 0; i < place->depth; i++)
        module_buffers_take_settings(&found.buffers, value_member(place->within[i], "hyper_parameters"));
    if (place->depth)
        found.traits |= TRAIT_WRAPPED;
    if (found.owner == OWNER_NONE)
        found.owner = place->owner;
    for (size_t i = 0; i < found.buffers.count; i++)
        if (found.buffers.items[i].kind == BUFFER_AVERAGED && found.owner == OWNER_NONE)
            found.owner = OWNER_AVERAGE;
    *out = found;
    return STATUS_OK;
}
