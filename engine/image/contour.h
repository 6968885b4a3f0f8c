/* Attention maps as lines of equal weight: closed rings in the pixels of the original image. */
#ifndef CXRD_ENGINE_IMAGE_CONTOUR_H
#define CXRD_ENGINE_IMAGE_CONTOUR_H

#include "engine/image/overlay.h"

struct contour_point {
    double x, y; /* in original pixels */
};

/* Rings one behind the other; each ends with its first point again, and so has at least 4. */
struct contours {
    struct contour_point *points; /* owned, as is the next */
    size_t *sizes;                /* [ring_count]: points of each ring */
    size_t ring_count, point_count;
};

/* The lines on which the map, interpolated as attention_render draws it, has the weight level * its maximum,
 * 0 < level < 1; the region's border where the weight there is larger. Along a ring the larger weights are to
 * the right as one sees the image: rings around them run clockwise, rings around holes the other way. No
 * point lies outside the region. A map whose maximum is 0 has none. There are at most 10 (rows + 4) (columns
 * + 4) points. Release with contours_finish. */
void attention_contours(const struct attention_map *map, double level, struct contours *out);
void contours_finish(struct contours *contours);

#endif
