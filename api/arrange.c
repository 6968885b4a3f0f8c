#include "api/arrange.h"

#include "api/views.h"

#include <string.h>

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
            views_image(arena, "Image", numbers[VIEW_UNSAID][0], input->ids[numbers[VIEW_UNSAID][0]]));
    if (frontals > laterals)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%s lacks its lateral: %zu images are frontal and %zu are lateral. With views=frontal "
            "and no lateral, heads of two views read an image as both; for heads of one view send it as "
            "'image'.",
            views_image(arena, "Frontal image", both, input->ids[numbers[VIEW_FRONTAL][both]]), frontals,
            laterals);
    if (laterals > frontals)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s lacks its frontal: %zu images are frontal and %zu are lateral.",
                           views_image(arena, "Lateral image", both, input->ids[numbers[VIEW_LATERAL][both]]),
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

enum status arrange_views(struct input *input, struct arena *arena, struct failure *failure)
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
    enum status status =
        views_read(arena, option ? &option->values : NULL, &views_in_request, failure, &pairing);
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
