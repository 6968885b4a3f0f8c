#include "api/pictures.h"

#include "api/base64.h"

static enum status refuse(size_t pixels, size_t left, uint32_t side, struct failure *failure)
{
    return failure_set(
        failure, STATUS_TOO_LARGE,
        "The pictures to draw have %.1f megapixels where %.1f are left of one answer's; ask for "
        "fewer images or labels, for a 'size' under %u, or for 'attention' grid and no 'render'.",
        (double)pixels / 1e6, (double)left / 1e6, side);
}

/* How many pixels the region of an image that a target shows will be drawn with, as far as its header says.
 * NULL: all of the image. */
static size_t pixels_expected(struct bytes image, uint32_t side, const struct target *target)
{
    uint32_t width, height;
    image_peek(image, &width, &height);
    if (image_size_check(width, height, NULL))
        return (size_t)side * side;
    struct region region = {0, 0, width, height};
    if (target)
        region = image_region(width, height, target);
    picture_size(&region, side, &width, &height);
    return (size_t)width * height;
}

enum status pictures_expect(const struct pictures *pictures, const struct options *options,
                            const struct model_card *card, const struct bytes *images, size_t count,
                            struct failure *failure, size_t *kept_bytes)
{
    const struct target target = {&card->profile, card->backbone.image_height, card->backbone.image_width};
    const size_t maps = options_map_count(options, card), views = pairing_images(options->pairing);
    const bool overlay = options->attention == ATTENTION_OVERLAY;
    const uint32_t side = options_draw(options) ? options->picture_side : 0;
    size_t pixels = 0, kept = 0;
    *kept_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        size_t map =
            side && i % views == 0 ? pixels_expected(images[i], side, &target) : 0; /* of a frontal */
        size_t whole = options->render_side ? pixels_expected(images[i], options->render_side, NULL) : 0;
        pixels += map * maps + whole;
        kept += (overlay ? map : 0) + whole;
    }
    if (pixels > pictures->pixels_left)
        return refuse(pixels, pictures->pixels_left,
                      side > options->render_side ? side : options->render_side, failure);
    enum status status = arena_charge(pictures->arena, kept * 3, failure);
    if (!status)
        *kept_bytes = kept * 3;
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

/* Draws in its turn, which nothing but drawing takes up. map NULL: the canvas itself. */
static enum status draw(const struct pictures *pictures, const struct attention_map *map,
                        const struct image *canvas, struct failure *failure, struct buffer *png)
{
    enum status status = STATUS_OK;
    if (pictures->turns)
        status = turns_take(pictures->turns, pictures->patience, failure);
    if (status)
        return status;
    status = map ? attention_render(map, canvas, pictures->patience, failure, png)
                 : picture_write_png(canvas, pictures->patience, failure, png);
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

enum status pictures_show(struct pictures *pictures, const struct image *picture, uint32_t side,
                          struct failure *failure, struct json *object)
{
    const size_t pixels = (size_t)picture->width * picture->height;
    if (pixels > pictures->pixels_left)
        return refuse(pixels, pictures->pixels_left, side, failure);
    pictures->pixels_left -= pixels;
    return pictures_draw(pictures, NULL, picture, failure, object);
}

enum status pictures_withheld(struct failure *failure)
{
    return failure_set(failure, STATUS_SWITCHED_OFF,
                       "Attention maps and pictures are switched off at this service, which answers with "
                       "findings and risk scores only; ask for neither, or for 'attention' none.");
}
