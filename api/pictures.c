#include "api/pictures.h"

#include "api/base64.h"

static enum status refuse(size_t pixels, size_t left, uint32_t side, struct failure *failure)
{
    return failure_set(failure, STATUS_TOO_LARGE,
                       "The maps to draw have %.1f megapixels where %.1f are left of one answer's; ask for "
                       "fewer images or labels, for a 'size' under %u, or for 'attention' grid.",
                       (double)pixels / 1e6, (double)left / 1e6, side);
}

/* How many pixels an image's region will be drawn with, as far as its header says. */
static size_t pixels_expected(struct bytes image, uint32_t side, const struct model_card *card)
{
    const struct target target = {&card->profile, card->backbone.image_height, card->backbone.image_width};
    uint32_t width, height;
    image_peek(image, &width, &height);
    if (image_size_check(width, height, NULL))
        return (size_t)side * side;
    struct region region = image_region(width, height, &target);
    picture_size(&region, side, &width, &height);
    return (size_t)width * height;
}

enum status pictures_expect(const struct pictures *pictures, const struct options *options,
                            const struct model_card *card, const struct bytes *images, size_t count,
                            struct failure *failure, size_t *kept_bytes)
{
    size_t pixels = 0, maps = options_map_count(options, card);
    *kept_bytes = 0;
    if (!options_draw(options))
        return STATUS_OK;
    for (size_t i = 0; i < count; i++)
        pixels += pixels_expected(images[i], options->picture_side, card);
    if (pixels * maps > pictures->pixels_left)
        return refuse(pixels * maps, pictures->pixels_left, options->picture_side, failure);
    if (options->attention != ATTENTION_OVERLAY)
        return STATUS_OK;
    enum status status = arena_charge(pictures->arena, pixels * 3, failure);
    if (!status)
        *kept_bytes = pixels * 3;
    return status;
}

enum status pictures_canvas(struct pictures *pictures, const struct options *options,
                            const struct prediction *prediction, size_t count, struct failure *failure,
                            struct image *out)
{
    struct image canvas = {0};
    if (options->attention == ATTENTION_OVERLAY)
        canvas = prediction->picture;
    else
        picture_size(&prediction->region, options->picture_side, &canvas.width, &canvas.height);
    size_t pixels = count * canvas.width * canvas.height;
    if (pixels > pictures->pixels_left)
        return refuse(pixels, pictures->pixels_left, options->picture_side, failure);
    pictures->pixels_left -= pixels;
    *out = canvas;
    return STATUS_OK;
}

/* Draws in its turn, which nothing but drawing takes up. */
static enum status draw(const struct pictures *pictures, const struct attention_map *map,
                        const struct image *canvas, struct failure *failure, struct buffer *png)
{
    enum status status = STATUS_OK;
    if (pictures->turns)
        status = turns_take(pictures->turns, pictures->patience, failure);
    if (status)
        return status;
    status = attention_render(map, canvas, pictures->patience, failure, png);
    if (pictures->turns)
        turns_return(pictures->turns);
    return status;
}

enum status pictures_draw(struct pictures *pictures, const struct attention_map *map,
                          const struct image *canvas, struct failure *failure, struct json *object)
{
    struct buffer png = {.maximum = pictures->bytes_left};
    const char *text = NULL;
    enum status status = draw(pictures, map, canvas, failure, &png);
    if (!status)
        status = base64_encode_within(pictures->arena, (struct bytes){png.data, png.size}, failure, &text);
    if (!status) {
        pictures->bytes_left -= png.size;
        json_add(object, "png", json_text_borrowed(text));
        json_add_number(object, "width", canvas->width);
        json_add_number(object, "height", canvas->height);
    }
    buffer_finish(&png);
    return status;
}
