#include "engine/checkpoint/candidates.h"

#include "engine/package/binding.h"

#include <stdio.h>
#include <string.h>

/* Names are the same when they differ only in '.' and '_': learning rates are written both ways. */
static bool same_candidate(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if (*a != *b && !(strchr("._", *a) && strchr("._", *b)))
            return false;
    }
    return *a == *b;
}

/* Notes one that has not been; false when there is no room. */
static bool note(struct candidates *candidates, const char *name)
{
    for (size_t i = 0; i < candidates->count; i++) {
        if (!strcmp(candidates->names[i], name))
            return true;
    }
    if (candidates->count == CANDIDATES_MAX)
        return false;
    snprintf(candidates->names[candidates->count++], NAME_BYTES, "%s", name);
    return true;
}

/* Notes those that have a name or are of the authors' form, or all others. */
static bool note_all(const struct value *state, bool first, struct candidates *candidates)
{
    bool fits = true;
    for (size_t i = 0; i < state->sequence.count && fits; i += 2) {
        enum head_form form;
        char of[NAME_BYTES], name[NAME_BYTES];
        const struct value *key = state->sequence.items[i];
        if (key->kind != VALUE_TEXT || head_form_of(key->text.data, &form, of, name) != NAME_KNOWN ||
            (*of || form == FORM_AUTHORS) != first || name_is_of_any_layer(name))
            continue;
        candidates->form = form;
        fits = note(candidates, of);
    }
    return fits;
}

enum status candidates_find(const struct value *state, struct failure *failure, struct candidates *out)
{
    *out = (struct candidates){.form = FORM_AUTHORS};
    bool fits = note_all(state, true, out);
    if (fits && !out->count)
        fits = note_all(state, false, out);
    return fits ? STATUS_OK
                : failure_set(failure, STATUS_INVALID_FILE, "It holds over %d candidates.", CANDIDATES_MAX);
}

enum { REST_BYTES = 48 }; /* for the end of a list that is cut */

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
    size_t i = 0;
    for (; i < candidates->count && used + strlen(candidates->names[i] + common) + REST_BYTES < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", candidates->names[i] + common);
    if (i < candidates->count && used < size)
        used += (size_t)snprintf(text + used, size - used, ", and %zu more (cxrd inspect)",
                                 candidates->count - i);
    if (used < size)
        snprintf(text + used, size - used, "}");
}

enum status candidates_choose(const struct candidates *candidates, const char *wanted,
                              struct failure *failure, char out[NAME_BYTES])
{
    char list[FAILURE_SENTENCE_BYTES - 64], examples[HEAD_EXAMPLES_BYTES];
    if (candidates->count == 0)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "No tensor of a head is in it (%s): is it a head's file? A linear layer of another name is "
            "read where its tensors are called 'weight' and 'bias'.",
            head_form_examples(examples));
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
    if (wanted && candidates->count == 1 && !*candidates->names[0])
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It holds one head, which has no candidate's name: leave '%.80s' out.", wanted);
    list_candidates(candidates, list, sizeof list);
    if (wanted)
        return failure_set(failure, STATUS_INVALID_FILE, "No candidate '%.80s'; there are %s.", wanted, list);
    return failure_set(failure, STATUS_INVALID_FILE, "Choose one with results=FILE or candidate=KEY of %s.",
                       list);
}

enum head_form candidate_form(const char *candidate, enum head_form other, const struct json *metadata)
{
    const char *labels = metadata_labels(metadata);
    if (!*candidate)
        return other == FORM_AUTHORS && labels && *labels == '[' ? FORM_PACKAGE : other;
    return name_behind(candidate, "classifier_") ? FORM_DINOV2 : FORM_AUTHORS;
}
