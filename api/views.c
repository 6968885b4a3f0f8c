#include "api/views.h"

#include <assert.h>
#include <string.h>

enum { QUOTE_BYTES = 60 };

const struct views_words views_in_request = {
    .is = "The option 'views' is",
    .pairs = "say views=frontal,lateral and send images",
    .both = "say views=frontal",
    .leave_out = "leave the head out of those that 'heads' names",
    .without = "send each image by itself as 'image', not as 'frontal' or 'lateral', and without 'views'"};
const struct views_words views_in_inference = {.is = "The parameter \"views\" is",
                                               .pairs = "say views=frontal,lateral and send images",
                                               .both = "say views=frontal",
                                               .leave_out = "name only outputs of other heads",
                                               .without = "ask without the parameter \"views\""};
const struct views_words views_on_command_line = {.is = "--views is",
                                                  .pairs = "give --views frontal,lateral and files",
                                                  .both = "give --views frontal",
                                                  .leave_out = "name only other heads in --heads",
                                                  .without = "leave --views out"};

const char *views_name(enum pairing pairing)
{
    static const char *const names[] = {
        [PAIRING_NONE] = NULL, [PAIRING_VIEWS] = "frontal,lateral", [PAIRING_FRONTAL] = "frontal"};
    static_assert(sizeof names / sizeof *names == PAIRINGS, "a name a pairing");
    return names[pairing];
}

enum status views_read(struct arena *arena, const struct text_list *values, const struct views_words *words,
                       struct failure *failure, enum pairing *out)
{
    *out = PAIRING_NONE;
    if (!values)
        return STATUS_OK;
    bool frontal = values->count && !strcmp(values->items[0], "frontal");
    if (frontal && values->count == 1)
        *out = PAIRING_FRONTAL;
    else if (frontal && values->count == 2 && !strcmp(values->items[1], "lateral"))
        *out = PAIRING_VIEWS;
    else
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%s 'frontal,lateral', with images in pairs, each frontal followed by its lateral, or 'frontal', "
            "with images that are read as both; not '%s'.",
            words->is, text_join(arena, values->items, values->count, QUOTE_BYTES));
    return STATUS_OK;
}

enum status views_check(struct arena *arena, const struct model_card *card, const bool *heads,
                        enum pairing pairing, const struct views_words *words, struct failure *failure)
{
    const char *two_views = NULL;
    for (size_t i = 0; i < card->head_count && !two_views; i++)
        if (heads[i] && card->heads[i].two_views)
            two_views = card->heads[i].name;
    if (two_views && pairing == PAIRING_NONE)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "The head '%s' reads a frontal and a lateral image: %s in pairs, each frontal followed by its "
            "lateral; or %s, and it reads each image as both; or %s.",
            text_quote(arena, two_views, QUOTE_BYTES), words->pairs, words->both, words->leave_out);
    if (!two_views && pairing != PAIRING_NONE)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Nothing that is asked for of the model '%s' reads a lateral image: %s.",
                           text_quote(arena, card->name, QUOTE_BYTES), words->without);
    return STATUS_OK;
}

const char *views_image(struct arena *arena, const char *what, size_t number, const char *id)
{
    return id ? arena_format(arena, "%s %zu ('%s')", what, number, text_quote(arena, id, QUOTE_BYTES))
              : arena_format(arena, "%s %zu", what, number);
}

enum status views_count(struct arena *arena, enum pairing pairing, const char *const *ids, size_t count,
                        struct failure *failure)
{
    if (count % pairing_images(pairing) == 0)
        return STATUS_OK;
    return failure_set(
        failure, STATUS_BAD_REQUEST,
        "%s lacks its lateral: with views=frontal,lateral images come in pairs, each frontal "
        "followed by its lateral. With views=frontal heads of two views read an image as both.",
        views_image(arena, "Image", count - 1, ids ? ids[count - 1] : NULL));
}
