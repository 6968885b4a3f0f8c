#include "engine/image/image.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Fixed point of the weights: 8 bits of pixel and 2 of overshoot leave 22 of 32. */
enum { WEIGHT_BITS = 22, CHANNELS = 3 };

/* Which source pixels make one target pixel, and how much of each, along one axis. */
struct taps {
    uint32_t count;  /* target pixels */
    uint32_t stride; /* weights a target pixel has room for */
    struct span {
        uint32_t first, size;
    } * spans;        /* [count] */
    int32_t *weights; /* [count][stride] */
};

/* Keys' cubic convolution kernel with a = -0.5. */
static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0)
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* How far from its middle a kernel is not zero. */
static const struct kernel {
    double (*weight)(double x);
    double support;
} kernels[] = {[PROFILE_BICUBIC] = {bicubic, 2.0}, [PROFILE_BILINEAR] = {bilinear, 1.0}};
static_assert(sizeof kernels / sizeof *kernels == PROFILE_FILTERS, "a kernel a filter");

/* Weights of `source` pixels resized to `target`, for the targets [first, first + count). When shrinking, the
 * kernel is stretched by the scale, which is the antialiasing. All in double, in Pillow's order, so that the
 * rounded weights are Pillow's. */
static void taps_init(struct taps *taps, const struct kernel *kernel, uint32_t source, uint32_t target,
                      uint32_t first, uint32_t count)
{
    double scale = (double)source / target, stretch = scale < 1.0 ? 1.0 : scale;
    double support = kernel->support * stretch, shrink = 1.0 / stretch;
    taps->count = count;
    taps->stride = (uint32_t)ceil(support) * 2 + 1;
    taps->spans = memory_allocate(count, sizeof *taps->spans);
    taps->weights = memory_allocate((size_t)count * taps->stride, sizeof *taps->weights);
    double *exact = memory_allocate(taps->stride, sizeof *exact);
    for (uint32_t i = 0; i < count; i++) {
        double centre = (first + i + 0.5) * scale;
        int32_t low = (int32_t)(centre - support + 0.5), high = (int32_t)(centre + support + 0.5);
        low = low < 0 ? 0 : low;
        high = high > (int32_t)source ? (int32_t)source : high;
        uint32_t size = (uint32_t)(high - low);
        assert(size <= taps->stride);
        double sum = 0.0;
        for (uint32_t t = 0; t < size; t++) {
            exact[t] = kernel->weight(((double)t + low - centre + 0.5) * shrink);
            sum += exact[t];
        }
        int32_t *weights = taps->weights + (size_t)i * taps->stride;
        for (uint32_t t = 0; t < size; t++) {
            double weight = (sum != 0.0 ? exact[t] / sum : exact[t]) * (1 << WEIGHT_BITS);
            weights[t] = (int32_t)(weight < 0.0 ? weight - 0.5 : weight + 0.5);
        }
        taps->spans[i] = (struct span){(uint32_t)low, size};
    }
    free(exact);
}

static void taps_finish(struct taps *taps)
{
    free(taps->spans);
    free(taps->weights);
}

static uint8_t pixel_round(int32_t sum)
{
    int32_t value = sum >> WEIGHT_BITS;
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

static void row_resize(const uint8_t *row, const struct taps *taps, uint8_t *out)
{
    for (uint32_t i = 0; i < taps->count; i++, out += CHANNELS) {
        const uint8_t *pixel = row + (size_t)taps->spans[i].first * CHANNELS;
        const int32_t *weights = taps->weights + (size_t)i * taps->stride;
        int32_t red = 1 << (WEIGHT_BITS - 1), green = red, blue = red;
        for (uint32_t t = 0; t < taps->spans[i].size; t++, pixel += CHANNELS) {
            red += weights[t] * pixel[0];
            green += weights[t] * pixel[1];
            blue += weights[t] * pixel[2];
        }
        out[0] = pixel_round(red);
        out[1] = pixel_round(green);
        out[2] = pixel_round(blue);
    }
}

/* One target row: `rows` are the source rows, row_bytes apart, beginning at taps' first; sums has row_bytes
 * elements of scratch. */
static void column_resize(const uint8_t *rows, size_t row_bytes, const int32_t *weights, uint32_t size,
                          int32_t *sums, uint8_t *out)
{
    for (size_t x = 0; x < row_bytes; x++)
        sums[x] = 1 << (WEIGHT_BITS - 1);
    for (uint32_t t = 0; t < size; t++) {
        const uint8_t *row = rows + t * row_bytes;
        int32_t weight = weights[t];
        for (size_t x = 0; x < row_bytes; x++)
            sums[x] += weight * row[x];
    }
    for (size_t x = 0; x < row_bytes; x++)
        out[x] = pixel_round(sums[x]);
}

enum status image_resize(const struct image *image, const struct resize *resize, struct failure *failure,
                         uint8_t *out)
{
    assert(resize->crop_x + resize->crop_width <= resize->width);
    assert(resize->crop_y + resize->crop_height <= resize->height);
    const struct kernel *kernel = &kernels[resize->filter];
    struct taps across, down;
    taps_init(&across, kernel, image->width, resize->width, resize->crop_x, resize->crop_width);
    taps_init(&down, kernel, image->height, resize->height, resize->crop_y, resize->crop_height);
    struct span last = down.spans[down.count - 1];
    uint32_t first_row = down.spans[0].first, row_count = last.first + last.size - first_row;
    size_t row_bytes = (size_t)resize->crop_width * CHANNELS, source_bytes = (size_t)image->width * CHANNELS;
    uint8_t *rows = malloc((size_t)row_count * row_bytes); /* up to 50 MB for what a client sent */
    if (!rows) {
        taps_finish(&down);
        taps_finish(&across);
        return failure_set(
            failure, STATUS_OUT_OF_MEMORY,
            "There is no memory left to resize the image; try again in a moment, or send it to "
            "another service.");
    }
    int32_t *sums = memory_allocate(row_bytes, sizeof *sums);

    const uint8_t *source = image->pixels + first_row * source_bytes;
    for (uint32_t y = 0; y < row_count; y++, source += source_bytes) {
        if (resize->width == image->width) /* weight 1 on the pixel itself */
            memcpy(rows + y * row_bytes, source + (size_t)resize->crop_x * CHANNELS, row_bytes);
        else
            row_resize(source, &across, rows + y * row_bytes);
    }
    for (uint32_t y = 0; y < down.count; y++)
        column_resize(rows + (down.spans[y].first - first_row) * row_bytes, row_bytes,
                      down.weights + (size_t)y * down.stride, down.spans[y].size, sums, out + y * row_bytes);
    free(sums);
    free(rows);
    taps_finish(&down);
    taps_finish(&across);
    return STATUS_OK;
}
