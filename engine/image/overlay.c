#include "engine/image/overlay.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* How much of the colour covers the image where the weight is largest. */
static const float COVER_MAX = 0.65f;

/* Lightness rises evenly from black over violet and orange to pale yellow, so that the picture reads the same
 * in grey and to the colour-blind. Evenly spaced, linear between. */
static const uint8_t COLOURS[][3] = {{0, 0, 8},      {44, 16, 92},   {98, 24, 126},   {154, 40, 122},
                                     {208, 64, 102}, {244, 112, 84}, {252, 176, 116}, {252, 246, 190}};

struct rectangle region_pixels(const struct region *region)
{
    struct rectangle out = {(uint32_t)lround(region->x), (uint32_t)lround(region->y), 0, 0};
    long right = lround(region->x + region->width), bottom = lround(region->y + region->height);
    out.width = right > out.x ? (uint32_t)right - out.x : 1;
    out.height = bottom > out.y ? (uint32_t)bottom - out.y : 1;
    return out;
}

static size_t peak_index(const struct attention_map *map)
{
    size_t peak = 0, count = (size_t)map->rows * map->columns;
    for (size_t i = 1; i < count; i++)
        if (map->values[i] > map->values[peak])
            peak = i;
    return peak;
}

void attention_peak(const struct attention_map *map, double *x, double *y)
{
    size_t peak = peak_index(map);
    *x = map->region.x + ((double)(peak % map->columns) + 0.5) / map->columns * map->region.width;
    *y = map->region.y + ((double)(peak / map->columns) + 0.5) / map->rows * map->region.height;
}

/* The two cells a pixel lies between along one axis, and the second one's share. */
struct lerp {
    uint32_t low, high;
    float share;
};

/* Pixel `pixel` of an axis on which `cells` cells cover [origin, origin + length). */
static struct lerp lerp_at(uint32_t pixel, double origin, double length, uint32_t cells)
{
    double at = (pixel + 0.5 - origin) / length * cells - 0.5;
    at = at < 0.0 ? 0.0 : at > cells - 1.0 ? cells - 1.0 : at;
    uint32_t low = (uint32_t)at;
    return (struct lerp){low, low + 1 < cells ? low + 1 : low, (float)(at - low)};
}

/* One row of display weights in 0..1: out[width]. `blended` has room for one row of cells. */
static void row_weights(const struct attention_map *map, struct lerp y, const struct lerp *across,
                        uint32_t width, float scale, float *blended, float *out)
{
    const float *low = map->values + (size_t)y.low * map->columns;
    const float *high = map->values + (size_t)y.high * map->columns;
    for (uint32_t i = 0; i < map->columns; i++)
        blended[i] = (low[i] + (high[i] - low[i]) * y.share) * scale;
    for (uint32_t x = 0; x < width; x++) {
        struct lerp cell = across[x];
        float weight = blended[cell.low] + (blended[cell.high] - blended[cell.low]) * cell.share;
        out[x] = weight > 0.0f ? fminf(sqrtf(weight), 1.0f) : 0.0f;
    }
}

static void pixel_blend(const uint8_t *pixel, float weight, uint8_t *out)
{
    float at = weight * (sizeof COLOURS / sizeof *COLOURS - 1);
    size_t low = (size_t)at, high = low + 1 < sizeof COLOURS / sizeof *COLOURS ? low + 1 : low;
    float share = at - (float)low, cover = COVER_MAX * weight;
    for (int c = 0; c < 3; c++) {
        float colour = COLOURS[low][c] + (float)(COLOURS[high][c] - COLOURS[low][c]) * share;
        out[c] = (uint8_t)((1.0f - cover) * pixel[c] + cover * colour + 0.5f);
    }
}

enum status attention_render(const struct attention_map *map, const struct image *image,
                             struct failure *failure, struct buffer *out)
{
    struct rectangle area = region_pixels(&map->region);
    assert(map->rows > 0 && map->columns > 0);
    assert(!image || (area.x + area.width <= image->width && area.y + area.height <= image->height));
    uint32_t channels = image ? 3 : 1;
    float maximum = map->values[peak_index(map)], scale = maximum > 0.0f ? 1.0f / maximum : 0.0f;
    struct lerp *across = memory_allocate(area.width, sizeof *across);
    float *weights = memory_allocate(area.width, sizeof *weights);
    float *blended = memory_allocate(map->columns, sizeof *blended);
    uint8_t *pixels = memory_allocate((size_t)area.width * area.height, channels);
    for (uint32_t x = 0; x < area.width; x++)
        across[x] = lerp_at(area.x + x, map->region.x, map->region.width, map->columns);
    uint8_t *to = pixels;
    for (uint32_t y = 0; y < area.height; y++) {
        row_weights(map, lerp_at(area.y + y, map->region.y, map->region.height, map->rows), across,
                    area.width, scale, blended, weights);
        for (uint32_t x = 0; x < area.width; x++, to += channels) {
            if (image)
                pixel_blend(image->pixels + 3 * ((size_t)(area.y + y) * image->width + area.x + x),
                            weights[x], to);
            else
                *to = (uint8_t)(weights[x] * 255.0f + 0.5f);
        }
    }
    enum status status = image_write_png(pixels, area.width, area.height, channels, failure, out);
    free(pixels);
    free(blended);
    free(weights);
    free(across);
    return status;
}
