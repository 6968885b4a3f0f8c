#include "engine/checkpoint/import_head.h"

#include "engine/checkpoint/foreign.h"
#include "engine/checkpoint/head_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANDIDATES_MAX = 64, ATTENTION_HEADS = 8 };

struct candidates {
    char names[CANDIDATES_MAX][NAME_BYTES];
    size_t count;
};

/* Names are the same when they differ only in '.' and '_': learning rates are written both ways. */
static bool same_candidate(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if (*a != *b && !(strchr("._", *a) && strchr("._", *b)))
            return false;
    }
    return *a == *b;
}

static void note_candidate(struct candidates *candidates, const char *name)
{
    for (size_t i = 0; i < candidates->count; i++) {
        if (!strcmp(candidates->names[i], name))
            return;
    }
    if (candidates->count < CANDIDATES_MAX)
        snprintf(candidates->names[candidates->count++], NAME_BYTES, "%s", name);
}

/* "start{end, end, ...}": what all names start with is written once, so that the list fits a sentence. */
static void list_candidates(const struct candidates *candidates, char *text, size_t size)
{
    size_t common = strlen(candidates->names[0]);
    for (size_t i = 1; i < candidates->count; i++) {
        size_t same = 0;
        while (same < common && candidates->names[i][same] == candidates->names[0][same])
            same++;
        common = same;
    }
    if (candidates->count == 1)
        common = 0;
    size_t used = (size_t)snprintf(text, size, "%.*s{", (int)common, candidates->names[0]);
    for (size_t i = 0; i < candidates->count && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", candidates->names[i] + common);
    if (used < size)
        snprintf(text + used, size - used, "}");
}

static enum status choose_candidate(const struct candidates *candidates, const char *wanted,
                                    struct failure *failure, char out[NAME_BYTES])
{
    char list[FAILURE_SENTENCE_BYTES - 64];
    if (candidates->count == 0)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "No tensor of a head is in it ('...decoder.query_embed', '...linear.weight'): is it a "
            "head's file?");
    if (!wanted && candidates->count == 1) {
        memcpy(out, candidates->names[0], NAME_BYTES);
        return STATUS_OK;
    }
    for (size_t i = 0; wanted && i < candidates->count; i++) {
        if (same_candidate(candidates->names[i], wanted)) {
            memcpy(out, candidates->names[i], NAME_BYTES);
            return STATUS_OK;
        }
    }
    list_candidates(candidates, list, sizeof list);
    if (wanted)
        return failure_set(failure, STATUS_INVALID_FILE, "No candidate '%.80s'; there are %s.", wanted, list);
    return failure_set(failure, STATUS_INVALID_FILE, "Choose one with results=FILE or candidate=KEY of %s.",
                       list);
}

static enum status select_tensors(const struct value *state, const char *candidate, struct failure *failure,
                                  struct selection *selection)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < state->sequence.count && !status; i += 2) {
        char of[NAME_BYTES], name[NAME_BYTES];
        const struct value *key = state->sequence.items[i], *value = state->sequence.items[i + 1];
        if (key->kind != VALUE_TEXT)
            continue;
        enum name_kind kind = name_of_head(key->text.data, of, name);
        if (kind == NAME_KNOWN && !strcmp(of, candidate))
            status = selection_add(selection, name, value, failure);
        else if (kind == NAME_UNKNOWN && value->kind == VALUE_TENSOR && (!*of || !strcmp(of, candidate)))
            status = foreign_tensor(*of ? name : key->text.data, false, failure);
    }
    return status;
}

enum status import_head_select(const struct checkpoint *checkpoint, const char *wanted,
                               struct failure *failure, struct selection *selection,
                               char candidate[NAME_BYTES])
{
    const struct value *state;
    enum status status = checkpoint_state(checkpoint, failure, &state);
    if (!status)
        status = checkpoint_check_rest(checkpoint, failure);
    if (status)
        return status;
    struct candidates *candidates = memory_allocate(1, sizeof *candidates);
    for (size_t i = 0; i < state->sequence.count; i += 2) {
        char of[NAME_BYTES], name[NAME_BYTES];
        const struct value *key = state->sequence.items[i];
        if (key->kind == VALUE_TEXT && name_of_head(key->text.data, of, name) == NAME_KNOWN)
            note_candidate(candidates, of);
    }
    struct selection selected = {0};
    status = choose_candidate(candidates, wanted, failure, candidate);
    if (!status)
        status = select_tensors(state, candidate, failure, &selected);
    if (status)
        selection_finish(&selected);
    else
        *selection = selected;
    free(candidates);
    return status;
}

bool import_head_has_backbone(const struct checkpoint *checkpoint)
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

static enum status describe_glori(const struct selection *selection, size_t width, struct failure *failure,
                                  struct head_card *head)
{
    const struct stored_tensor *embed = NULL, *query = NULL;
    enum status status =
        selection_require(selection, 2, (size_t[]){0, 0}, failure, &embed, "embed_standart.weight");
    if (!status)
        status =
            selection_require(selection, 2, (size_t[]){0, embed->shape[0]}, failure, &query, "query_embed");
    if (status)
        return status;
    const size_t E = embed->shape[0], memory = embed->shape[1];
    if (memory % width || E % ATTENTION_HEADS)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Tensor 'embed_standart.weight' of shape [%zu, %zu] does not fit a backbone of width "
            "%zu and %d attention heads.",
            E, memory, width, ATTENTION_HEADS);
    head->label_count = query->shape[0];
    head->blocks = (uint32_t)(memory / width);
    return STATUS_OK;
}

static enum status describe_linear(const struct selection *selection, const char *candidate, size_t width,
                                   struct failure *failure, struct head_card *head)
{
    const struct stored_tensor *weight = NULL;
    enum status status = selection_require(selection, 2, (size_t[]){0, 0}, failure, &weight, "linear.weight");
    if (status)
        return status;
    head->label_count = weight->shape[0];
    size_t features = weight->shape[1], units = features / width;
    uint32_t blocks;
    bool named =
        candidate_blocks(candidate, &blocks) && candidate_average_pool(candidate, &head->average_pool);
    if (named) {
        head->blocks = blocks;
    } else { /* class tokens of 1 or 4 blocks, without or with the mean patch token: as published heads have
                it */
        head->average_pool = units == 2 || units == 5;
        head->blocks = (uint32_t)(units - head->average_pool);
    }
    size_t needed = (size_t)head->blocks + head->average_pool;
    if (features == 2 * needed * width)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Tensor 'linear.weight' takes the features of two views, which is not supported.");
    if (features % width || units != needed || (!named && head->blocks != 1 && head->blocks != 4))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Tensor 'linear.weight' takes %zu features, which does not fit %u blocks of width %zu%s.",
            features, head->blocks, width, head->average_pool ? " and their mean patch token" : "");
    return STATUS_OK;
}

enum status import_head_describe(const struct selection *selection, const char *candidate,
                                 const struct backbone_card *backbone, struct failure *failure,
                                 struct head_card *head)
{
    uint32_t named;
    const uint32_t width = backbone->width, depth = backbone->depth;
    head->type = selection_find(selection, "linear.weight") ? HEAD_LINEAR : HEAD_GLORI;
    enum status status = head->type == HEAD_GLORI
                             ? describe_glori(selection, width, failure, head)
                             : describe_linear(selection, candidate, width, failure, head);
    if (status)
        return status;
    if (candidate_blocks(candidate, &named) && named != head->blocks)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The candidate's name says %u blocks, but its weights take %u of width %u: it was "
                           "trained on another backbone.",
                           named, head->blocks, width);
    if (head->blocks < 1 || head->blocks > depth)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The head takes the last %u blocks of a backbone that has %u.", head->blocks,
                           depth);
    return STATUS_OK;
}
