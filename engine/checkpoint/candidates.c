#include "engine/checkpoint/candidates.h"

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

void candidates_note(struct candidates *candidates, const char *name)
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

enum status candidates_choose(const struct candidates *candidates, const char *wanted,
                              struct failure *failure, char out[NAME_BYTES])
{
    char list[FAILURE_SENTENCE_BYTES - 64];
    if (candidates->count == 0)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "No tensor of a head is in it ('...decoder.query_embed', '...linear.weight', "
                           "'classifier.weight', "
                           "'head.weight', 'weight'): is it a head's file?");
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
