/* Attention maps as pictures of the region the network saw, their peaks in the pixels of the original image,
 * and pictures of images themselves. */
#ifndef CXRD_ENGINE_IMAGE_OVERLAY_H
#define CXRD_ENGINE_IMAGE_OVERLAY_H

#include "engine/base/patience.h"
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

/* The size of a region's picture: that of region_pixels, scaled down where a side would be over `side`. */
void picture_size(const struct region *region, uint32_t side, uint32_t *width, uint32_t *height);

/* The picture of a region of an image at picture_size: each pixel is the average of the area it covers.
 * Fails with OUT_OF_MEMORY. Release with image_finish. */
WARN_UNUSED enum status region_picture(const struct image *image, const struct region *region, uint32_t side,
                                       struct failure *failure, struct image *out);

/* The same of the whole image. */
WARN_UNUSED enum status image_picture(const struct image *image, uint32_t side, struct failure *failure,
                                      struct image *out);

/* Draws the map on `canvas`, a picture of its region, and appends a PNG to *out: bilinear upsampling
 * (align_corners false), divided by the map's maximum, to the power 0.5 for display. With the canvas's
 * pixels, these blended with a colour map whose lightness rises with the weight; without, 8-bit grey of its
 * size. Fails with TOO_LARGE when out->maximum is too small, OUT_OF_MEMORY, CLIENT_GONE, TIMEOUT. */
WARN_UNUSED enum status attention_render(const struct attention_map *map, const struct image *canvas,
                                         const struct patience *patience, struct failure *failure,
                                         struct buffer *out);

/* Encodes width x height pixels of 1 (grey) or 3 (RGB) interleaved channels and appends the PNG to *out.
 * Fails as attention_render does. */
WARN_UNUSED enum status image_write_png(const uint8_t *pixels, uint32_t width, uint32_t height,
                                        uint32_t channels, const struct patience *patience,
                                        struct failure *failure, struct buffer *out);

/* The same of a picture as it is: in grey where no pixel has a colour. */
WARN_UNUSED enum status picture_write_png(const struct image *picture, const struct patience *patience,
                                          struct failure *failure, struct buffer *out);

/* The centre of the patch with the largest weight (the first of equals), in original pixels. */
void attention_peak(const struct attention_map *map, double *x, double *y);

#endif
