#include "engine/image/image.h"

#include <assert.h>
#include <stdlib.h>

/* Half of an odd difference rounds to even, as Python's round() does in the training's centre crop. */
static uint32_t centre_offset(uint32_t whole, uint32_t part)
{
    uint32_t rest = whole - part, half = rest / 2;
    return rest % 2 && half % 2 ? half + 1 : half;
}

static void range_measure(struct square *square)
{
    const uint8_t *pixel = square->pixels;
    size_t count = (size_t)square->side * square->side;
    for (int c = 0; c < 3; c++) {
        square->minimum[c] = 255;
        square->maximum[c] = 0;
    }
    for (size_t i = 0; i < count; i++, pixel += 3)
        for (int c = 0; c < 3; c++) {
            square->minimum[c] = pixel[c] < square->minimum[c] ? pixel[c] : square->minimum[c];
            square->maximum[c] = pixel[c] > square->maximum[c] ? pixel[c] : square->maximum[c];
        }
}

enum status image_prepare(const struct image *image, uint32_t side, struct failure *failure,
                          struct square *out, struct region *region)
{
    assert(side > 0 && image->width > 0 && image->height > 0);
    bool wide = image->width > image->height;
    uint32_t shorter = wide ? image->height : image->width, longer = wide ? image->width : image->height;
    uint32_t resized = (uint32_t)((uint64_t)side * longer / shorter);
    struct resize resize = {
        .width = wide ? resized : side,
        .height = wide ? side : resized,
        .crop_width = side,
        .crop_height = side,
    };
    resize.crop_x = centre_offset(resize.width, side);
    resize.crop_y = centre_offset(resize.height, side);
    struct square square = {.side = side, .pixels = memory_allocate((size_t)side * side, 3)};
    enum status status = image_resize(image, &resize, failure, square.pixels);
    if (status) {
        square_finish(&square);
        return status;
    }
    range_measure(&square);
    int constant = 0;
    for (int c = 0; c < 3; c++)
        constant += square.minimum[c] == square.maximum[c];
    if (constant) {
        square_finish(&square);
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The image has no contrast: in the part the network sees, %s the same value "
                           "everywhere.",
                           constant == 3 ? "all pixels have" : "a colour channel has");
    }
    double scale_x = (double)image->width / resize.width, scale_y = (double)image->height / resize.height;
    *region =
        (struct region){resize.crop_x * scale_x, resize.crop_y * scale_y, side * scale_x, side * scale_y};
    *out = square;
    return STATUS_OK;
}

uint32_t image_crop_warning(uint32_t width, uint32_t height)
{
    uint64_t shorter = width < height ? width : height, longer = width < height ? height : width;
    return 2 * longer > 3 * shorter ? IMAGE_WARNING_CROPPED : 0;
}

void square_finish(struct square *square)
{
    free(square->pixels);
    *square = (struct square){0};
}

void square_normalise(const struct square *square, float *out)
{
    static const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
    size_t count = (size_t)square->side * square->side;
    for (int c = 0; c < 3; c++, out += count) {
        float table[256];
        double range = square->maximum[c] - square->minimum[c];
        for (int v = 0; v < 256; v++)
            table[v] = (float)(((v - square->minimum[c]) / range - mean[c]) / deviation[c]);
        for (size_t i = 0; i < count; i++)
            out[i] = table[square->pixels[3 * i + (size_t)c]];
    }
}
