/* Attention maps as pictures, and their peaks, in the pixels of the original image. */
#ifndef CXRD_ENGINE_IMAGE_OVERLAY_H
#define CXRD_ENGINE_IMAGE_OVERLAY_H

#include "engine/image/image.h"

/* A map the network gave over the region it saw: rows x columns weights, not negative. Borrowed. */
struct attention_map {
    const float *values; /* [rows][columns] */
    uint32_t rows, columns;
    struct region region;
};

/* Whole pixels that show a region: its edges rounded to the nearest pixel border, at least one pixel. */
struct rectangle {
    uint32_t x, y, width, height;
};
struct rectangle region_pixels(const struct region *region);

/* Encodes width x height pixels of 1 (grey) or 3 (RGB) interleaved channels and appends the PNG to *out.
 * Fails with TOO_LARGE when out->maximum is too small, OUT_OF_MEMORY. */
WARN_UNUSED enum status image_write_png(const uint8_t *pixels, uint32_t width, uint32_t height,
                                        uint32_t channels, struct failure *failure, struct buffer *out);

/* Draws the map at the size of its region (region_pixels) and appends a PNG to *out: bilinear upsampling
 * (align_corners false), divided by the map's maximum, to the power 0.5 for display. Without an image, 8-bit
 * grey; with the image the map was made from, its pixels blended with a colour map whose lightness rises with
 * the weight. Fails as image_write_png. */
WARN_UNUSED enum status attention_render(const struct attention_map *map, const struct image *image,
                                         struct failure *failure, struct buffer *out);

/* The centre of the patch with the largest weight (the first of equals), in original pixels. */
void attention_peak(const struct attention_map *map, double *x, double *y);

#endif
