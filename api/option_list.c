#include "api/option_list.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { QUOTE_BYTES = 60, LIST_BYTES = 150 };

const char *const predict_option_names[] = {
    "heads",  "attention",     "attention_for", "level",           "size",  "threshold", "flip", "views",
    "render", "dicom_profile", "identifiers",   "require_quality", "model", NULL};
static_assert(sizeof predict_option_names / sizeof *predict_option_names == OPTION_COUNT_MAX + 1,
              "option_list has room for all");
const char *const embed_option_names[] = {"tokens", "dicom_profile", "identifiers", "model", NULL};
static_assert(sizeof embed_option_names <= sizeof predict_option_names, "it is of the most there are");

const struct given_option *option_find(const struct option_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->items[i].name, name))
            return &list->items[i];
    return NULL;
}

struct option_title option_title(const struct option_list *list, const char *name)
{
    struct option_title title;
    snprintf(title.text, sizeof title.text, list->command_line ? "--%s" : "The option '%s'", name);
    for (char *at = title.text; *at && list->command_line; at++)
        *at = *at == '_' ? '-' : *at;
    return title;
}

enum status option_refuse(struct arena *arena, struct failure *failure, const char *what, const char *given,
                          const char *const *there, size_t count)
{
    return failure_set(failure, STATUS_BAD_REQUEST, "%s '%s'; there are: %s.", what,
                       text_quote(arena, given, QUOTE_BYTES), text_join(arena, there, count, LIST_BYTES));
}

enum status option_add(struct option_list *list, struct arena *arena, const char *name,
                       struct text_list values, struct failure *failure)
{
    const char *const *known = list->known;
    size_t i = 0, count = 0;
    while (known[count])
        count++;
    while (i < count && strcmp(known[i], name))
        i++;
    if (i == count)
        return option_refuse(arena, failure, "Unknown option", name, known, count);
    if (option_find(list, name))
        return failure_set(failure, STATUS_BAD_REQUEST, "%s is given twice.", option_title(list, name).text);
    if (!values.count)
        return failure_set(failure, STATUS_BAD_REQUEST, "%s has no value.", option_title(list, name).text);
    list->items[list->count++] = (struct given_option){known[i], values};
    return STATUS_OK;
}

enum status option_value(const struct option_list *list, const char *name, struct failure *failure,
                         const char **out)
{
    const struct given_option *option = option_find(list, name);
    if (option && option->values.count != 1)
        return failure_set(failure, STATUS_BAD_REQUEST, "%s takes one value, not %zu.",
                           option_title(list, name).text, option->values.count);
    *out = option ? option->values.items[0] : NULL;
    return STATUS_OK;
}
