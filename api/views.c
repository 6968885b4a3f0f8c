#include "api/views.h"

#include <string.h>

enum { QUOTE_BYTES = 60 };

const char *views_name(enum pairing pairing)
{
    static const char *const names[] = {
        [PAIRING_NONE] = NULL, [PAIRING_VIEWS] = "frontal,lateral", [PAIRING_FRONTAL] = "frontal"};
    return names[pairing];
}

enum status views_read(struct arena *arena, const struct text_list *values, struct failure *failure,
                       enum pairing *out)
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
            "The option 'views' is 'frontal,lateral', with images in pairs, each frontal followed by its "
            "lateral, or 'frontal', with images that are read as both; not '%s'.",
            text_join(arena, values->items, values->count, QUOTE_BYTES));
    return STATUS_OK;
}

enum status views_check(struct arena *arena, const struct model_card *card, const bool *heads,
                        enum pairing pairing, const char *leave_out, struct failure *failure)
{
    const char *two_views = NULL;
    for (size_t i = 0; i < card->head_count && !two_views; i++)
        if (heads[i] && card->heads[i].two_views)
            two_views = card->heads[i].name;
    if (two_views && pairing == PAIRING_NONE)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "The head '%s' reads a frontal and a lateral image: say views=frontal,lateral and send images in "
            "pairs, each frontal followed by its lateral; or say views=frontal, and it reads each image as "
            "both; or %s.",
            text_quote(arena, two_views, QUOTE_BYTES), leave_out);
    if (!two_views && pairing != PAIRING_NONE)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "Nothing that is asked for of the model '%s' reads a lateral image: ask without 'views'.",
            text_quote(arena, card->name, QUOTE_BYTES));
    return STATUS_OK;
}

/* "Image 3 ('a.png')", counted from 0. */
static const char *image_name(struct arena *arena, const char *what, size_t number, const char *id)
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
        image_name(arena, "Image", count - 1, ids ? ids[count - 1] : NULL));
}

/* Fails where the images, so many of each view by their numbers, do not pair. */
static enum status check_named(const struct input *input, struct arena *arena, const size_t *counts,
                               const size_t (*numbers)[API_IMAGES_MAX], struct failure *failure)
{
    const size_t frontals = counts[VIEW_FRONTAL], laterals = counts[VIEW_LATERAL];
    const size_t both = frontals < laterals ? frontals : laterals;
    if (counts[VIEW_UNSAID])
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%s is not said to be frontal or lateral, while others are: say it of all images, "
            "or of none.",
            image_name(arena, "Image", numbers[VIEW_UNSAID][0], input->ids[numbers[VIEW_UNSAID][0]]));
    if (frontals > laterals)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%s lacks its lateral: %zu images are frontal and %zu are lateral. With views=frontal "
            "and no lateral, heads of two views read an image as both.",
            image_name(arena, "Frontal image", both, input->ids[numbers[VIEW_FRONTAL][both]]), frontals,
            laterals);
    if (laterals > frontals)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s lacks its frontal: %zu images are frontal and %zu are lateral.",
                           image_name(arena, "Lateral image", both, input->ids[numbers[VIEW_LATERAL][both]]),
                           frontals, laterals);
    return STATUS_OK;
}

/* The order of pairs; what was in the order of the request is copied. */
static void interleave(struct input *input, struct arena *arena, const size_t (*numbers)[API_IMAGES_MAX])
{
    struct input *before = arena_allocate(arena, 1, sizeof *before);
    *before = *input;
    for (size_t i = 0; i < input->count; i++) {
        size_t from = numbers[i % 2 ? VIEW_LATERAL : VIEW_FRONTAL][i / 2];
        input->ids[i] = before->ids[from];
        input->images[i] = before->images[from];
    }
}

enum status views_arrange(struct input *input, struct arena *arena, struct failure *failure)
{
    static const char *const both[] = {"frontal", "lateral"};
    size_t counts[VIEW_COUNT] = {0}, numbers[VIEW_COUNT][API_IMAGES_MAX];
    enum pairing pairing;
    for (size_t i = 0; i < input->count; i++) {
        enum view view = input->views[i];
        numbers[view][counts[view]++] = i;
    }
    if (counts[VIEW_UNSAID] == input->count)
        return STATUS_OK;
    const struct given_option *option = option_find(&input->options, "views");
    enum status status = views_read(arena, option ? &option->values : NULL, failure, &pairing);
    if (status || (pairing == PAIRING_FRONTAL && counts[VIEW_FRONTAL] == input->count))
        return status;
    status = check_named(input, arena, counts, numbers, failure);
    if (status)
        return status;
    if (pairing == PAIRING_FRONTAL)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Lateral images come with views=frontal,lateral, not with views=frontal.");
    interleave(input, arena, numbers);
    return option ? STATUS_OK
                  : option_add(&input->options, arena, "views", (struct text_list){(const char **)both, 2},
                               failure);
}
