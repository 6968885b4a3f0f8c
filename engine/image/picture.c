#include "engine/image/overlay.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct rectangle region_pixels(const struct region *region)
{
    struct rectangle out = {(uint32_t)lround(region->x), (uint32_t)lround(region->y), 0, 0};
    long right = lround(region->x + region->width), bottom = lround(region->y + region->height);
    out.width = right > out.x ? (uint32_t)right - out.x : 1;
    out.height = bottom > out.y ? (uint32_t)bottom - out.y : 1;
    return out;
}

void picture_size(const struct region *region, uint32_t side, uint32_t *width, uint32_t *height)
{
    struct rectangle area = region_pixels(region);
    uint32_t longer = area.width > area.height ? area.width : area.height;
    double scale = longer > side ? (double)side / longer : 1.0;
    long across = lround(area.width * scale), down = lround(area.height * scale);
    *width = across > 0 ? (uint32_t)across : 1;
    *height = down > 0 ? (uint32_t)down : 1;
}

/* The source pixels that a target pixel covers along one axis, those at both ends in part. */
struct cover {
    uint32_t first, count;
    float head, tail; /* shares of the first and the last; one pixel's is head */
};

static struct cover cover_of(uint32_t target, double scale, uint32_t source)
{
    double low = target * scale, high = fmin((target + 1) * scale, source);
    struct cover cover = {.first = (uint32_t)low};
    cover.count = (uint32_t)ceil(high) - cover.first;
    cover.tail = (float)(high - (cover.first + cover.count - 1));
    cover.head = (float)(cover.count > 1 ? cover.first + 1 - low : high - low);
    return cover;
}

static float cover_share(const struct cover *cover, uint32_t i)
{
    return i == 0 ? cover->head : i + 1 == cover->count ? cover->tail : 1.0f;
}

/* Adds up a row's share. Plain loops over whole rows, which compilers turn into vectors. */
static void row_add(const uint8_t *row, float share, size_t count, float *sums)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += share * (float)row[i];
}

static void row_average(const float *sums, const struct cover *across, uint32_t width, float scale,
                        uint8_t *out)
{
    for (uint32_t x = 0; x < width; x++, out += 3) {
        const struct cover *cover = &across[x];
        float red = 0, green = 0, blue = 0;
        for (uint32_t i = 0; i < cover->count; i++) {
            const float *sum = sums + 3 * (size_t)(cover->first + i);
            float share = cover_share(cover, i);
            red += share * sum[0];
            green += share * sum[1];
            blue += share * sum[2];
        }
        out[0] = (uint8_t)(red * scale + 0.5f);
        out[1] = (uint8_t)(green * scale + 0.5f);
        out[2] = (uint8_t)(blue * scale + 0.5f);
    }
}

enum status region_picture(const struct image *image, const struct region *region, uint32_t side,
                           struct failure *failure, struct image *out)
{
    struct rectangle area = region_pixels(region);
    assert(side > 0 && area.x + area.width <= image->width && area.y + area.height <= image->height);
    struct image picture;
    picture_size(region, side, &picture.width, &picture.height);
    picture.pixels = malloc((size_t)picture.width * picture.height * 3);
    if (!picture.pixels)
        return failure_set(failure, STATUS_OUT_OF_MEMORY,
                           "There is no memory for the picture of the image; ask for a smaller 'size'.");
    double scale_x = (double)area.width / picture.width, scale_y = (double)area.height / picture.height;
    struct cover *across = memory_allocate(picture.width, sizeof *across);
    size_t source_bytes = (size_t)image->width * 3, row_bytes = (size_t)area.width * 3;
    float *sums = memory_allocate(row_bytes, sizeof *sums);
    for (uint32_t x = 0; x < picture.width; x++)
        across[x] = cover_of(x, scale_x, area.width);
    for (uint32_t y = 0; y < picture.height; y++) {
        struct cover down = cover_of(y, scale_y, area.height);
        const uint8_t *row = image->pixels + (area.y + down.first) * source_bytes + (size_t)area.x * 3;
        memset(sums, 0, row_bytes * sizeof *sums);
        for (uint32_t i = 0; i < down.count; i++, row += source_bytes)
            row_add(row, cover_share(&down, i), row_bytes, sums);
        row_average(sums, across, picture.width, (float)(1.0 / (scale_x * scale_y)),
                    picture.pixels + (size_t)y * picture.width * 3);
    }
    free(sums);
    free(across);
    *out = picture;
    return STATUS_OK;
}

enum status image_picture(const struct image *image, uint32_t side, struct failure *failure,
                          struct image *out)
{
    const struct region whole = {0, 0, image->width, image->height};
    return region_picture(image, &whole, side, failure, out);
}

static bool is_grey(const struct image *picture)
{
    const uint8_t *pixel = picture->pixels, *end = pixel + (size_t)picture->width * picture->height * 3;
    while (pixel < end && pixel[0] == pixel[1] && pixel[0] == pixel[2])
        pixel += 3;
    return pixel == end;
}

enum status picture_write_png(const struct image *picture, const struct patience *patience,
                              struct failure *failure, struct buffer *out)
{
    const size_t count = (size_t)picture->width * picture->height;
    if (!is_grey(picture))
        return image_write_png(picture->pixels, picture->width, picture->height, 3, patience, failure, out);
    uint8_t *grey = malloc(count);
    if (!grey)
        return failure_set(failure, STATUS_OUT_OF_MEMORY, "There is no memory to encode the picture.");
    for (size_t i = 0; i < count; i++)
        grey[i] = picture->pixels[3 * i];
    enum status status = image_write_png(grey, picture->width, picture->height, 1, patience, failure, out);
    free(grey);
    return status;
}
