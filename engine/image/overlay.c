#include "engine/image/overlay.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* How much of the colour covers the image where the weight is largest. */
static const double COVER_MAX = 0.65;

/* Display weights are whole numbers below this: as many as a grey picture has. */
enum { WEIGHTS = 256 };

/* Lightness rises evenly from black over violet and orange to pale yellow, so that the picture reads the same
 * in grey and to the colour-blind. Evenly spaced, linear between. */
static const uint8_t COLOURS[][3] = {{0, 0, 8},      {44, 16, 92},   {98, 24, 126},   {154, 40, 122},
                                     {208, 64, 102}, {244, 112, 84}, {252, 176, 116}, {252, 246, 190}};

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

/* Where a place along an axis, 0 to 1 over the map, lies between the middles of `cells` cells. */
static struct lerp lerp_at(double place, uint32_t cells)
{
    double at = place * cells - 0.5;
    at = at < 0.0 ? 0.0 : at > cells - 1.0 ? cells - 1.0 : at;
    uint32_t low = (uint32_t)at;
    return (struct lerp){low, low + 1 < cells ? low + 1 : low, (float)(at - low)};
}

/* The pixels of a picture along one axis: `count` of them show the whole pixels [first, first + length) of
 * the image, where the map covers [origin, origin + extent). The caller frees the result. */
static struct lerp *axis(uint32_t count, double first, double length, double origin, double extent,
                         uint32_t cells)
{
    struct lerp *lerps = memory_allocate(count, sizeof *lerps);
    for (uint32_t i = 0; i < count; i++)
        lerps[i] = lerp_at((first + (i + 0.5) / count * length - origin) / extent, cells);
    return lerps;
}

/* One row of display weights, 0 to WEIGHTS - 1: out[width]. `blended` has room for one row of cells. */
static void row_weights(const struct attention_map *map, struct lerp y, const struct lerp *across,
                        uint32_t width, float scale, float *blended, uint8_t *out)
{
    const float *low = map->values + (size_t)y.low * map->columns;
    const float *high = map->values + (size_t)y.high * map->columns;
    for (uint32_t i = 0; i < map->columns; i++)
        blended[i] = (low[i] + (high[i] - low[i]) * y.share) * scale;
    for (uint32_t x = 0; x < width; x++) {
        struct lerp cell = across[x];
        float weight = blended[cell.low] + (blended[cell.high] - blended[cell.low]) * cell.share;
        weight = weight > 0.0f ? sqrtf(weight) : 0.0f;
        out[x] = (uint8_t)(fminf(weight, 1.0f) * (WEIGHTS - 1) + 0.5f);
    }
}

/* What each display weight makes of a pixel: (below * pixel + colour[channel]) / 65536, rounded. */
struct palette {
    uint32_t below[WEIGHTS], colour[WEIGHTS][3];
};

static void palette_init(struct palette *palette)
{
    enum { LAST = sizeof COLOURS / sizeof *COLOURS - 1 };
    for (int i = 0; i < WEIGHTS; i++) {
        double weight = i / (WEIGHTS - 1.0), at = weight * LAST, cover = COVER_MAX * weight;
        int low = (int)at < LAST ? (int)at : LAST - 1;
        palette->below[i] = (uint32_t)lround((1 - cover) * 65536);
        for (int c = 0; c < 3; c++) {
            double colour = COLOURS[low][c] + (COLOURS[low + 1][c] - COLOURS[low][c]) * (at - low);
            palette->colour[i][c] = (uint32_t)lround(cover * colour * 65536) + 32768;
        }
    }
}

static void row_blend(const struct palette *palette, const uint8_t *weights, const uint8_t *pixel,
                      uint32_t width, uint8_t *out)
{
    for (uint32_t x = 0; x < width; x++, pixel += 3, out += 3) {
        uint32_t below = palette->below[weights[x]];
        const uint32_t *colour = palette->colour[weights[x]];
        for (int c = 0; c < 3; c++)
            out[c] = (uint8_t)((below * pixel[c] + colour[c]) >> 16);
    }
}

/* Draws all rows into pixels [height][width][channels]. */
static void draw(const struct attention_map *map, const struct image *canvas, uint8_t *pixels)
{
    struct rectangle area = region_pixels(&map->region);
    const struct region *region = &map->region;
    uint32_t width = canvas->width, height = canvas->height;
    float maximum = map->values[peak_index(map)], scale = maximum > 0.0f ? 1.0f / maximum : 0.0f;
    struct lerp *across = axis(width, area.x, area.width, region->x, region->width, map->columns);
    struct lerp *down = axis(height, area.y, area.height, region->y, region->height, map->rows);
    float *blended = memory_allocate(map->columns, sizeof *blended);
    uint8_t *weights = memory_allocate(width, 1);
    struct palette palette;
    palette_init(&palette);
    for (uint32_t y = 0; y < height; y++) {
        uint8_t *grey = canvas->pixels ? weights : pixels + (size_t)y * width;
        row_weights(map, down[y], across, width, scale, blended, grey);
        if (canvas->pixels)
            row_blend(&palette, weights, canvas->pixels + (size_t)y * width * 3, width,
                      pixels + (size_t)y * width * 3);
    }
    free(weights);
    free(blended);
    free(down);
    free(across);
}

enum status attention_render(const struct attention_map *map, const struct image *canvas,
                             const struct patience *patience, struct failure *failure, struct buffer *out)
{
    uint32_t channels = canvas->pixels ? 3 : 1;
    assert(map->rows > 0 && map->columns > 0);
    enum status status = patience_check(patience, "its pictures were drawn", failure);
    if (status)
        return status;
    uint8_t *pixels = malloc((size_t)canvas->width * canvas->height * channels);
    if (!pixels)
        return failure_set(failure, STATUS_OUT_OF_MEMORY, "There is no memory to draw the maps.");
    draw(map, canvas, pixels);
    status = image_write_png(pixels, canvas->width, canvas->height, channels, patience, failure, out);
    free(pixels);
    return status;
}
