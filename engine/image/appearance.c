#include "engine/image/container.h"

/* A part of an image: columns [left, right), rows [top, bottom). */
struct box {
    uint32_t left, top, right, bottom;
};

/* Lightness is the sum of a pixel's channels. */
struct lightness {
    unsigned minimum, maximum;
    double mean;
};

/* Looks at up to 64 x 64 pixels, evenly spread. */
static struct lightness lightness_of(const struct image *image, struct box box)
{
    enum { STEPS = 64 };
    struct lightness out = {.minimum = 3 * UINT8_MAX};
    for (size_t i = 0; i < STEPS * STEPS; i++) {
        size_t x = box.left + (box.right - box.left) * (i % STEPS) / STEPS;
        size_t y = box.top + (box.bottom - box.top) * (i / STEPS) / STEPS;
        const uint8_t *pixel = image->pixels + 3 * (y * image->width + x);
        unsigned sum = pixel[0] + pixel[1] + pixel[2];
        out.minimum = sum < out.minimum ? sum : out.minimum;
        out.maximum = sum > out.maximum ? sum : out.maximum;
        out.mean += sum;
    }
    out.mean /= STEPS * STEPS;
    return out;
}

static double darker(double a, double b)
{
    return a < b ? a : b;
}

/* The spine stands between the lungs and air above the shoulders, so where bone is dark the middle of the
 * picture is darker than both its sides and than both upper corners. Middle and sides lie in the square that
 * the network sees, the corners are the whole picture's. Of 1186 published films of many makers none is
 * mistaken, and of the same films inverted two thirds are found; with half the margin one film is mistaken.
 */
bool image_looks_inverted(const struct image *image)
{
    enum { SIDE_MIN = 128 }; /* less is no chest, and its means are chance */
    uint32_t width = image->width, height = image->height, side = width < height ? width : height;
    if (side < SIDE_MIN)
        return false;
    uint32_t x = (width - side) / 2, y = (height - side) / 2, corner = side / 8;
    uint32_t top = y + side * 3 / 10, bottom = y + side * 6 / 10;
    struct lightness whole = lightness_of(image, (struct box){0, 0, width, height});
    double middle =
        lightness_of(image, (struct box){x + side * 9 / 20, top, x + side * 11 / 20, bottom}).mean;
    double left = lightness_of(image, (struct box){x + side * 4 / 20, top, x + side * 7 / 20, bottom}).mean;
    double right =
        lightness_of(image, (struct box){x + side * 13 / 20, top, x + side * 16 / 20, bottom}).mean;
    double corner_left = lightness_of(image, (struct box){0, 0, corner, corner}).mean;
    double corner_right = lightness_of(image, (struct box){width - corner, 0, width, corner}).mean;
    double margin = 0.1 * (whole.maximum - whole.minimum);
    return middle + margin < darker(left, right) && middle < darker(corner_left, corner_right);
}
